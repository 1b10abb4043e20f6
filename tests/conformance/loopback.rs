//! A server of a few lines on 127.0.0.1, for tools that log in over HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(5));

/// What a tool asks.
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    /// Value of the `Authorization` header.
    pub(crate) authorization: Option<String>,
}

/// What it is told.
pub(crate) struct Answer {
    /// Code and phrase.
    pub(crate) status: &'static str,
    /// A further header line, with its end.
    pub(crate) header: &'static str,
    /// JSON.
    pub(crate) body: String,
}

impl Answer {
    /// 200.
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self { status: "200 OK", header: "", body: body.into() }
    }
}

/// Serves until the tests end; gives the address.
pub(crate) fn serve(answer: impl Fn(&Request) -> Answer + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    thread::spawn(move || {
        // One that breaks off (a TLS greeting, to see whether we speak it) is no loss.
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(PATIENCE).and_then(|()| talk(stream, &answer)).ok();
        }
    });
    address
}

/// Serves until the tests end, on a socket in the file system.
pub(crate) fn serve_at(path: &Path, answer: impl Fn(&Request) -> Answer + Send + 'static) {
    let listener = UnixListener::bind(path).expect("a socket can be made");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(PATIENCE).and_then(|()| talk(stream, &answer)).ok();
        }
    });
}

fn talk(stream: impl Read + Write, answer: &impl Fn(&Request) -> Answer) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    if reader.fill_buf()?.first().is_none_or(|byte| !byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    let request = read(&mut reader)?;
    let Answer { status, header, body } = answer(&request);
    let length = body.len();
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n{header}\r\n{body}"
    )?;
    stream.flush()
}

fn read(reader: &mut impl BufRead) -> io::Result<Request> {
    let mut request = Request { path: String::new(), authorization: None };
    let mut length = 0;
    for (number, line) in reader.by_ref().take(65_536).lines().enumerate() {
        let line = line?;
        if number == 0 {
            line.split(' ').nth(1).unwrap_or_default().clone_into(&mut request.path);
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    // Read to its end, or closing the connection would reset it before the answer is read.
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(request)
}

/// Waits until something listens there.
///
/// # Panics
///
/// If nothing does within ten seconds.
pub(crate) fn await_listener(port: u16) {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nothing listens on port {port}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A port that nothing listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A server that is a tool of its own, and ends with the test.
pub(crate) struct Server(Child);

impl Server {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the server starts"))
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
