//! Reads the curl lines of providers' documents, for tests that compare them with requests.

use super::{HttpRequest, HttpVerb, RequestBody};

/// The request of a curl line.
#[derive(Debug, PartialEq)]
pub(crate) struct CurlLine {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) data: Option<String>,
}

impl CurlLine {
    /// Reads a curl line, including lines that are joined by a backslash.
    pub(crate) fn read(text: &str) -> Self {
        let words = words(&text.replace("\\\n", " "));
        let mut read = Self { method: String::new(), url: String::new(), headers: Vec::new(), data: None };
        let mut words = words.into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"));
        while let Some(word) = words.next() {
            match &*word {
                "-X" | "--request" => read.method = words.next().unwrap(),
                "-H" | "--header" => {
                    let header = words.next().unwrap();
                    let (name, value) = header.split_once(": ").unwrap();
                    read.headers.push((name.to_owned(), value.to_owned()));
                }
                "-d" | "--data-raw" | "--data-binary" => read.data = words.next(),
                "-k" | "--location" => {}
                "-o" => drop(words.next()),
                _ => read.url = word,
            }
        }
        if read.method.is_empty() {
            read.method = if read.data.is_some() { "POST" } else { "GET" }.to_owned();
        }
        read
    }

    /// Returns a request in the form of a curl line. JSON bodies are compared as values.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let data = match &request.body {
            RequestBody::Empty => None,
            RequestBody::Text(text) => Some(text.clone()),
            RequestBody::File => Some("@call.wav".to_owned()),
        };
        Self { method: request.method.name().to_owned(), url: request.url(), headers: request.headers.clone(), data }
    }

    /// Returns the JSON body.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        self.data.as_ref().map(|data| serde_json::from_str(data).unwrap())
    }

    /// Asserts that a request is the same as the one of the curl line.
    pub(crate) fn assert_is(&self, request: &HttpRequest) {
        let sent = Self::of(request);
        assert_eq!((&sent.method, &sent.url, &sent.headers), (&self.method, &self.url, &self.headers));
        assert_eq!(sent.json(), self.json());
    }
}

/// Splits a shell line into words, with its quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.trim().chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, _) if c.is_whitespace() => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

#[test]
fn a_curl_line_is_read() {
    let line = CurlLine::read("curl -X PUT \"https://h/a?b=c\" \\\n-H \"A: b c\" \\\n-d '{\n\"a\": 1}'");
    assert_eq!((&*line.method, &*line.url), ("PUT", "https://h/a?b=c"));
    assert_eq!((line.headers[0].1.as_str(), line.json().unwrap()["a"].as_i64()), ("b c", Some(1)));
    assert_eq!(HttpVerb::from_name(&line.method), Some(HttpVerb::Put));
}
