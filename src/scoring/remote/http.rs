//! One server, spoken to in JSON: which addresses are allowed, how long is waited, what is tried again.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Response, Uri};

use super::super::protocol::one_line;

/// Environment variable that holds the token of a server.
pub(super) const TOKEN: &str = "STEPSCOPE_SERVER_TOKEN";

/// Longest answer, in bytes.
const MAX_ANSWER: u64 = 64 << 20;

/// How often and how patiently a request is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Time for one try, from connecting to the last byte.
    pub(super) timeout: Duration,
    /// Tries in all.
    pub(super) tries: u32,
    /// Pause before the second try; it doubles with each further one.
    pub(super) pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(120), tries: 4, pause: Duration::from_millis(500) }
    }
}

/// An answer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ServerError {
    /// The server understood and said no: the same request will not do better.
    #[error("{0}")]
    Refused(String),
    /// It could not be reached or could not answer, however often it was asked.
    #[error("{0}")]
    Unreachable(String),
}

/// The base address of a server with the token for it.
#[derive(Debug)]
pub(super) struct Server {
    base: String,
    token: Option<String>,
    agent: Agent,
    patience: Patience,
}

impl Server {
    /// A server at `base`, like `https://host/prefix`. Plain http is taken for this machine alone; addresses of the local link, where
    /// clouds keep their secrets, for nobody.
    pub(super) fn new(base: &str, token: Option<String>, patience: Patience) -> Result<Self, String> {
        allowed(base).map_err(|reason| format!("{}: {reason}", one_line(base)))?;
        if token.as_ref().is_some_and(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(format!("{TOKEN}: expected printable characters without spaces"));
        }
        let config = Agent::config_builder()
            .timeout_global(Some(patience.timeout))
            .timeout_connect(Some(patience.timeout.min(Duration::from_secs(10))))
            .http_status_as_error(false)
            // Another origin would get the token and the traces.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token, agent: config.into(), patience })
    }

    /// The address, for messages.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks and reads the JSON of the answer.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, ServerError> {
        let body = body.to_string();
        self.patiently(path, |url| {
            let mut request = self.agent.post(url).header("content-type", "application/json");
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            request.send(&body)
        })
    }

    /// Reads the JSON at a path.
    pub(super) fn get(&self, path: &str) -> Result<Value, ServerError> {
        self.patiently(path, |url| {
            let mut request = self.agent.get(url);
            if let Some(token) = &self.token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            request.call()
        })
    }

    fn patiently(
        &self,
        path: &str,
        ask: impl Fn(&str) -> Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, ServerError> {
        let url = format!("{}{path}", self.base);
        let mut pause = self.patience.pause;
        let mut tries = 1;
        loop {
            match ask(&url).map_err(|error| error.to_string()).and_then(|response| self.read(&url, response)) {
                Ok(answer) => return answer,
                Err(trouble) if tries >= self.patience.tries => {
                    let times = if tries == 1 { String::new() } else { format!(" (tried {tries} times)") };
                    return Err(ServerError::Unreachable(format!("{url}: {}{times}", one_line(&trouble))));
                }
                Err(_) => {
                    std::thread::sleep(pause);
                    pause *= 2;
                    tries += 1;
                }
            }
        }
    }

    /// The outer error is worth another try, the inner one is not.
    fn read(&self, url: &str, mut response: Response<ureq::Body>) -> Result<Result<Value, ServerError>, String> {
        let status = response.status().as_u16();
        let refused = |message: String| Ok(Err(ServerError::Refused(format!("{url}: {message}"))));
        let bytes = match response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec() {
            Ok(bytes) => bytes,
            Err(ureq::Error::BodyExceedsLimit(_)) => return refused(format!("expected at most {MAX_ANSWER} bytes of answer")),
            Err(error) => return Err(error.to_string()),
        };
        match status {
            200 => match serde_json::from_slice(&bytes) {
                Ok(answer) => Ok(Ok(answer)),
                Err(error) => refused(format!("expected JSON, found something else ({})", one_line(&error.to_string()))),
            },
            300..=399 => refused("the server sends us elsewhere; give that address yourself if you trust it".to_owned()),
            408 | 425 | 429 | 500..=599 => Err(format!("status {status}: {}", self.said(&bytes))),
            401 | 403 => refused(format!("status {status}: {} (the token is read from {TOKEN})", self.said(&bytes))),
            _ => refused(format!("status {status}: {}", self.said(&bytes))),
        }
    }

    /// The message in the body of an error, without the token if the server repeats it.
    fn said(&self, bytes: &[u8]) -> String {
        let json: Option<Value> = serde_json::from_slice(bytes).ok();
        let places = ["/error/message", "/message", "/detail", "/error"];
        let text = json.as_ref().and_then(|json| places.iter().find_map(|place| json.pointer(place)?.as_str()));
        let text = text.map_or_else(|| String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned(), str::to_owned);
        let line = one_line(&text);
        match &self.token {
            Some(token) => line.replace(token.as_str(), "…"),
            None => line,
        }
    }
}

/// Says why an address is not taken.
fn allowed(base: &str) -> Result<(), String> {
    let uri: Uri = base.parse().map_err(|error| format!("expected an address like https://host:8000 ({error})"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("expected an address like https://host:8000".to_owned());
    };
    if authority.as_str().contains('@') {
        return Err(format!("expected an address without user and password; a token is read from {TOKEN}"));
    }
    if uri.query().is_some() {
        return Err("expected an address without a query".to_owned());
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let ip: Option<IpAddr> = host.parse().ok();
    let link_local = match ip {
        Some(IpAddr::V4(ip)) => ip.is_link_local(),
        Some(IpAddr::V6(ip)) => ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_link_local()),
        None => host.eq_ignore_ascii_case("metadata.google.internal"),
    };
    if link_local {
        return Err("addresses of the local link are refused".to_owned());
    }
    let here = host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback());
    match scheme {
        "https" => Ok(()),
        "http" if here => Ok(()),
        "http" => Err("plain http is taken for this machine alone; use https".to_owned()),
        other => Err(format!("expected https, found {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    /// The message for a server that does this once a request has come.
    fn fault(answer: fn(&mut TcpStream) -> std::io::Result<()>, timeout: Duration) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                // Who asked has heard enough.
                let _ = answer(&mut stream);
            }
        });
        let server = Server::new(&base, None, Patience { timeout, tries: 2, pause: Duration::from_millis(1) }).unwrap();
        server.get("/x").unwrap_err().to_string()
    }

    #[test]
    fn answers_that_come_late_or_never_end_are_given_up() {
        let begun = Instant::now();
        let short = Duration::from_millis(300);
        let silent = fault(|stream| stream.read_to_end(&mut Vec::new()).map(drop), short);
        let dripping = fault(
            |stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n[")?;
                loop {
                    stream.write_all(b" ")?;
                    std::thread::sleep(Duration::from_millis(20));
                }
            },
            short,
        );
        for said in [silent, dripping] {
            assert!(said.contains("timeout") && said.ends_with("(tried 2 times)"), "{said}");
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        let endless = fault(
            |stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    stream.write_all(&[b' '; 1 << 14])?;
                }
            },
            Duration::from_secs(60),
        );
        assert!(endless.ends_with("expected at most 67108864 bytes of answer"), "{endless}");
    }

    #[test]
    fn a_packed_answer_is_not_unpacked() {
        let packed = fault(
            |stream| {
                let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                (0..1 << 14).try_for_each(|_| bomb.write_all(&[b' '; 1 << 14]))?;
                let bomb = bomb.finish()?;
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len())?;
                stream.write_all(&bomb)
            },
            Duration::from_secs(60),
        );
        assert!(packed.contains("expected JSON, found something else"), "{packed}");
    }

    #[test]
    fn only_safe_addresses_are_taken() {
        for good in
            ["https://host", "https://host:8000/prefix/", "http://localhost:1", "http://127.0.0.1:8000", "http://[::1]:8000"]
        {
            assert_eq!(allowed(good), Ok(()), "{good}");
        }
        for (bad, said) in [
            ("http://host", "plain http"),
            ("http://localhost.evil.org", "plain http"),
            ("https://169.254.169.254", "local link"),
            ("http://[fe80::1]", "local link"),
            ("https://[::ffff:169.254.169.254]", "local link"),
            ("https://user:secret@host", "without user"),
            ("https://host?x=1", "without a query"),
            ("ftp://host", "expected https"),
            ("host:8000", "expected an address"),
            ("", "expected an address"),
        ] {
            assert!(allowed(bad).is_err_and(|error| error.contains(said)), "{bad}: {:?}", allowed(bad));
        }
    }
}
