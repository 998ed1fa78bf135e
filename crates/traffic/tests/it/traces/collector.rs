//! A collector of traces, played by the test: it takes requests over HTTP and reads the protocol buffers in them, with no
//! line of the code that wrote them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a collector may do with a request.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    /// Answers 200.
    Takes,
    /// Answers with this status.
    Refuses(u16),
    /// Reads nothing and answers nothing.
    Hangs,
}

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: Arc<Received>,
}

#[derive(Default)]
struct Received {
    connections: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    /// Connections that hang.
    kept: Mutex<Vec<TcpStream>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The first line, and the headers as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Collector {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::<Received>::default();
        let theirs = Arc::clone(&received);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                theirs.connections.fetch_add(1, Ordering::SeqCst);
                let received = Arc::clone(&theirs);
                thread::spawn(move || received.serve(stream, manner));
            }
        });
        Self { address, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.received.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.received.requests.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.requests().iter().flat_map(|request| spans(&request.body)).collect()
    }
}

impl Received {
    fn serve(&self, stream: TcpStream, manner: Manner) {
        if manner == Manner::Hangs {
            return self.kept.lock().unwrap().push(stream);
        }
        let mut stream = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            head += &line;
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_ok() {
            self.requests.lock().unwrap().push(Request { head, body });
            let status = if let Manner::Refuses(status) = manner { status } else { 200 };
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
            drop(stream.get_mut().write_all(answer.as_bytes()));
        }
    }
}

/// A span as it arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where there is none.
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) links: usize,
    pub(crate) failed: bool,
    /// Of the process.
    pub(crate) resource: BTreeMap<String, String>,
}

/// The spans of one `ExportTraceServiceRequest`.
pub(crate) fn spans(body: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    for of_resource in all(body, 1) {
        let resource = all(of_resource, 1).flat_map(|resource| all(resource, 1)).map(pair).collect();
        for one in all(of_resource, 2).flat_map(|scope| all(scope, 2)) {
            found.push(Span { resource: BTreeMap::clone(&resource), ..span(one) });
        }
    }
    found
}

fn span(bytes: &[u8]) -> Span {
    let text =
        |field| all(bytes, field).next().map(|text| String::from_utf8(text.to_vec()).unwrap()).unwrap_or_default();
    let hex = |field| all(bytes, field).next().unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
    let number =
        |field| fields(bytes).into_iter().find(|(number, _)| *number == field).map_or(0, |(_, value)| value.number());
    let status = all(bytes, 15).flat_map(fields).find(|(number, _)| *number == 3);
    Span {
        trace: hex(1),
        id: hex(2),
        parent: hex(4),
        name: text(5),
        kind: number(6),
        began: number(7),
        ended: number(8),
        attributes: all(bytes, 9).map(pair).collect(),
        links: all(bytes, 13).count(),
        failed: status.is_some_and(|(_, code)| code.number() == 2),
        resource: BTreeMap::new(),
    }
}

/// A name and a value, a number as its digits.
fn pair(bytes: &[u8]) -> (String, String) {
    let name = all(bytes, 1).next().map(|name| String::from_utf8(name.to_vec()).unwrap());
    let value = all(bytes, 2).flat_map(fields).next().map(|(_, value)| match value {
        Field::Bytes(text) => String::from_utf8(text.to_vec()).unwrap(),
        Field::Number(number) => number.cast_signed().to_string(),
    });
    (name.unwrap_or_default(), value.unwrap_or_default())
}

#[derive(Clone, Copy)]
enum Field<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

impl Field<'_> {
    fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bytes(_) => panic!("a number is bytes"),
        }
    }
}

/// Every field of this number that has a length.
fn all(bytes: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    fields(bytes).into_iter().filter_map(move |(number, value)| match value {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        _ => None,
    })
}

/// The fields of a message: number and value.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut bytes);
                Field::Bytes(take(&mut bytes, usize::try_from(length).unwrap()))
            }
            5 => Field::Number(u64::from(u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()))),
            kind => panic!("there is no kind {kind} of field"),
        };
        found.push((tag >> 3, value));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a number without an end")
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}
