"""Small files that ask for much. Each maker gives the bytes of one; `MAKERS` names them all."""

import io
import random
import struct
import zlib
import zipfile


def wav(rate, channels, bits, data, tag=1, extra=b""):
    """A wav file; `extra` are chunks before the samples."""
    align = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + extra
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


class Bits:
    """Writes bits, the lowest of each byte first."""

    def __init__(self):
        self.value, self.length = 0, 0

    def put(self, value, bits):
        self.value |= value << self.length
        self.length += bits

    def bytes(self):
        return self.value.to_bytes((self.length + 7) // 8, "little")


def vorbis_setup(books):
    """A setup header whose codebooks hold 131,072 codes of 17 bits and vectors of 32 values
    each."""
    bits = Bits()
    bits.put(books - 1, 8)
    for _ in range(books):
        bits.put(0x564342, 24)
        bits.put(32, 16)
        bits.put(1 << 17, 24)
        bits.put(1, 1)
        bits.put(16, 5)
        bits.put(1 << 17, 18)
        bits.put(1, 4)
        bits.put(0, 64 + 4 + 1 + 1)
    return b"\x05vorbis" + bits.bytes()


def vorbis_identification(channels=1, rate=8000):
    return b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, channels, rate, 0, 0, 0, 0xB8, 1)


CRC = []
for i in range(256):
    r = i << 24
    for _ in range(8):
        r = ((r << 1) ^ 0x04C11DB7 if r & 0x80000000 else r << 1) & 0xFFFFFFFF
    CRC.append(r)


def page(packets, granule, sequence, flags=0, serial=7):
    """A page of ogg with whole packets."""
    lengths = b""
    for packet in packets:
        lengths += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qIII", granule, serial, sequence, 0) + bytes([len(lengths)])
    whole = bytearray(head + lengths + b"".join(packets))
    crc = 0
    for byte in whole:
        crc = (crc << 8 & 0xFFFFFFFF) ^ CRC[(crc >> 24) ^ byte]
    whole[22:26] = struct.pack("<I", crc)
    return bytes(whole)


def element(number, body):
    """An element of EBML; its size in eight bytes."""
    return bytes.fromhex(number) + struct.pack(">Q", len(body) | 1 << 56) + body


def matroska(codec, private, clusters, channels=1, rate=48000):
    audio = element("b5", struct.pack(">d", rate)) + element("9f", bytes([channels]))
    track = element("d7", b"\1") + element("83", b"\2") + element("86", codec)
    track += element("63a2", private) + element("e1", audio)
    body = element("1549a966", element("2ad7b1", b"\x0f\x42\x40"))
    body += element("1654ae6b", element("ae", track)) + b"".join(clusters)
    return element("1a45dfa3", element("4282", b"webm")) + element("18538067", body)


def cluster(ms, packets):
    blocks = [element("a3", b"\x81\0\0\0" + packet) for packet in packets]
    return element("1f43b675", element("e7", struct.pack(">Q", ms)) + b"".join(blocks))


OPUS_HEAD = b"OpusHead\1\1" + struct.pack("<HIhB", 0, 48000, 0, 0)
OPUS_TAGS = b"OpusTags" + struct.pack("<II", 0, 0)
# 20 ms of silence in hybrid mode: one byte, its frame empty.
OPUS_SILENCE = b"\x78"


def vorbis_codebooks_ogg():
    headers = [b"\x03vorbis" + struct.pack("<II", 0, 0) + b"\1", vorbis_setup(16)]
    return page([vorbis_identification()], 0, 0, 2) + page(headers, 0, 1) + page([b"\0"], 100, 2)


def vorbis_codebooks_mkv():
    packets = [vorbis_identification(), b"\x03vorbis" + struct.pack("<II", 0, 0) + b"\1", vorbis_setup(16)]
    private = b"\2" + bytes([len(packets[0]), len(packets[1])]) + b"".join(packets)
    return matroska(b"A_VORBIS", private, [cluster(0, [b"\0"])], rate=8000)


def ogg_positions_jump():
    """Every page is a loss of 59 minutes."""
    pages = [page([OPUS_HEAD], 0, 0, 2), page([OPUS_TAGS], 0, 1)]
    for i in range(24):
        pages.append(page([OPUS_SILENCE], 960 + i * 59 * 60 * 48000, 2 + 2 * i))
    return b"".join(pages)


def matroska_times_jump():
    return matroska(b"A_OPUS", OPUS_HEAD, [cluster(i * 59 * 60 * 1000, [OPUS_SILENCE]) for i in range(24)])


def crc8(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x8005 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def utf8(number):
    """A number as a frame of flac codes it: UTF-8 of up to 36 bits."""
    if number < 0x80:
        return bytes([number])
    tail = []
    length = 1
    while True:
        tail.insert(0, 0x80 | number & 63)
        number >>= 6
        length += 1
        if number < 1 << max(7 - length, 0):
            return bytes([0xFF << (8 - length) & 0xFF | number]) + bytes(tail)


def flac_frame(place, samples, channels=1, rate_code=0):
    """A frame of one value: 16 bits, variable block size, so its place is counted in samples."""
    head = bytes([0xFF, 0xF9, 0x70 | rate_code, (channels - 1) << 4 | 8]) + utf8(place) + struct.pack(">H", samples - 1)
    head += bytes([crc8(head)])
    frame = head + b"".join(b"\0\0\0" for _ in range(channels))
    return frame + struct.pack(">H", crc16(frame))


def flac(frames, rate=8000, channels=1, block=65535, total=(1 << 36) - 1):
    packed = rate << 44 | (channels - 1) << 41 | 15 << 36 | total
    info = struct.pack(">HH", 16, block) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80\0\0\x22" + info + b"".join(frames)


def flac_places_jump():
    step = 59 * 60 * 8000
    return flac([flac_frame(i * step, 4096) for i in range(9)])


def flac_slow():
    """A rate of 1 Hz, at which every jump of an hour is 3600 samples."""
    return flac([flac_frame(i * 3500, 16) for i in range(9)], rate=1)


def flac_wide():
    """Frames of 65,535 samples in eight channels, some forty bytes each."""
    return flac([flac_frame(i * 65535, 65535, 8) for i in range(6000)], channels=8)


def one_hertz_wav():
    noise = random.Random(1).randbytes(6000)
    pad = b"junk" + struct.pack("<I", len(noise)) + noise
    return wav(1, 16, 8, b"\x80" * (16 * 86_399), extra=pad)


def archive(members, compress=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compress) as file:
        for name, data in members:
            file.writestr(name, data)
    return out.getvalue()


def one_hertz_zip():
    return archive([("a.wav", one_hertz_wav())])


def central(name, packed, size, offset, method=8):
    sizes = struct.pack("<III", 0, packed, size)
    return (
        b"PK\1\2"
        + struct.pack("<HHHHHH", 20, 20, 0, method, 0, 0)
        + sizes
        + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, offset)
        + name
    )


def with_directory(body, entries):
    directory = b"".join(entries)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return body + directory + end


def zip_overlapping():
    """Nine hundred members that are the same bytes: each unpacks to a megabyte."""
    data = wav(
        8000, 1, 8, b"\x80" * 1_000_000, extra=b"junk" + struct.pack("<I", 6000) + random.Random(2).randbytes(6000)
    )
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    local = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(packed), len(data), 1, 0) + b"a" + packed
    return with_directory(local, [central(b"m%d.wav" % i, len(packed), len(data), 0) for i in range(900)])


def zip_nested():
    """An archive in an archive: the inner one would be unpacked to be looked into."""
    inner = archive([("a.wav", wav(8000, 1, 8, b"\x80" * 1_000_000))], zipfile.ZIP_STORED)
    noise = random.Random(3).randbytes(40_000)
    return archive([("inner.zip", inner + noise)])


def zip_lying():
    """The directory says that each member holds 1 byte."""
    data = b"\x80" * 200_000
    body, entries = b"", []
    for i in range(500):
        whole = wav(8000, 1, 8, data)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(whole) + packer.flush()
        packed += bytes(1200)
        local = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(packed), 1, 1, 0) + b"a" + packed
        entries.append(central(b"m%d.wav" % i, len(packed), 1, len(body)))
        body += local
    return with_directory(body, entries)


def ogg_storm():
    """Page heads without end, each of which must be checked over 65,000 bytes."""
    head = b"OggS\0\0" + bytes(20) + b"\xff" + b"\xff" * 255
    pages = page([OPUS_HEAD], 0, 0, 2) + page([OPUS_TAGS], 0, 1)
    return pages + head[:29] * 60_000


def matroska_storm():
    """Beginnings of blocks that lead nowhere."""
    return matroska(b"A_OPUS", OPUS_HEAD, [cluster(0, [OPUS_SILENCE])]) + b"\xa3\x84\x81\0\0\0" * 300_000


def mp3_storm():
    """Heads of frames, each within another's bytes."""
    head = bytes.fromhex("fff388c4")
    return (head + bytes(68)) * 4 + (head + bytes(3)) * 250_000


def box(kind, *bodies):
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + kind + body


def mp4(tables, fragments=b"", extra=b""):
    """An mp4 of AAC at 8 kHz."""
    config = b"\x15\x88"
    decoder = (
        b"\x04" + bytes([13 + 2 + len(config)]) + b"\x40\x15" + bytes(11) + b"\x05" + bytes([len(config)]) + config
    )
    descriptor = b"\x03" + bytes([3 + len(decoder) + 3]) + b"\0\1\0" + decoder + b"\x06\1\2"
    entry = bytes(6) + b"\0\1" + bytes(8) + b"\0\1\0\x10\0\0\0\0" + struct.pack(">I", 8000 << 16)
    stsd = box(b"stsd", bytes(4), struct.pack(">I", 1), box(b"mp4a", entry, box(b"esds", bytes(4), descriptor)))
    header = bytes(12) + struct.pack(">II", 8000, 0) + bytes(4)
    handler = box(b"hdlr", bytes(8), b"soun", bytes(13))
    media = box(b"minf", box(b"smhd", bytes(8)), box(b"stbl", stsd, *tables))
    track = box(
        b"trak",
        box(b"tkhd", b"\0\0\0\7", bytes(8), struct.pack(">I", 1), bytes(68)),
        box(b"mdia", box(b"mdhd", header), handler, media),
    )
    movie = box(b"moov", box(b"mvhd", bytes(12), struct.pack(">II", 1000, 0), bytes(80)), track, extra)
    return box(b"ftyp", b"isom\0\0\0\0isom") + movie + fragments


def mp4_long_run():
    """A run of a hundred thousand frames, for each of which a reader adds up those before it."""
    empty = [box(b"stts", bytes(8)), box(b"stsc", bytes(8)), box(b"stsz", bytes(12)), box(b"stco", bytes(8))]
    extra = box(b"mvex", box(b"trex", bytes(4), struct.pack(">IIIII", 1, 1, 1024, 0, 0)))
    count = 200_000
    run = box(b"trun", b"\0\0\3\0", struct.pack(">I", count), struct.pack(">II", 1024, 1) * count)
    header = box(b"tfhd", bytes(4), struct.pack(">I", 1))
    fragment = box(b"moof", box(b"mfhd", bytes(4), struct.pack(">I", 1)), box(b"traf", header, run))
    return mp4(empty, fragment + box(b"mdat", bytes(count)), extra)


def mp4_many_times():
    """A table of times with an entry for each frame, walked from its beginning for each."""
    count = 100_000
    tables = [
        box(b"stts", bytes(4), struct.pack(">I", count), struct.pack(">II", 1, 1024) * count),
        box(b"stsc", bytes(4), struct.pack(">I", 1), struct.pack(">III", 1, count, 1)),
        box(b"stsz", bytes(4), struct.pack(">II", 1, count)),
        box(b"stco", bytes(4), struct.pack(">II", 1, 100)),
    ]
    return mp4(tables) + box(b"mdat", bytes(count))


def loud_wav(value, rate):
    """Samples in floating point far beyond full scale."""
    data = struct.pack("<4f", 0.1, value, -value, 0.2) * rate
    return wav(rate, 1, 32, data, tag=3)


MAKERS = {
    "vorbis-codebooks.ogg": vorbis_codebooks_ogg,
    "vorbis-codebooks.mkv": vorbis_codebooks_mkv,
    "positions-jump.ogg": ogg_positions_jump,
    "times-jump.mkv": matroska_times_jump,
    "places-jump.flac": flac_places_jump,
    "slow.flac": flac_slow,
    "wide.flac": flac_wide,
    "one-hertz.wav": one_hertz_wav,
    "one-hertz.zip": one_hertz_zip,
    "overlapping.zip": zip_overlapping,
    "nested.zip": zip_nested,
    "lying.zip": zip_lying,
    "storm.ogg": ogg_storm,
    "storm.mkv": matroska_storm,
    "storm.mp3": mp3_storm,
    "long-run.mp4": mp4_long_run,
    "many-times.mp4": mp4_many_times,
    "loud-22050.wav": lambda: loud_wav(3e38, 22050),
    "loud-16000.wav": lambda: loud_wav(1e20, 16000),
}
