__all__ = ["ERROR_CODES", "VERSION", "read_config"]

VERSION: str
ERROR_CODES: tuple[str, ...]

def read_config(json: str) -> tuple[str, str, str]: ...
