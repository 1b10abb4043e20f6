//! A server of a few lines on 127.0.0.1, for tools that log in over HTTP.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

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
        listener.incoming().flatten().for_each(|stream| drop(talk(stream, &answer)));
    });
    address
}

fn talk(stream: TcpStream, answer: &impl Fn(&Request) -> Answer) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
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

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Request> {
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
