//! Spans in OTLP's protocol buffers: what `ExportTraceServiceRequest` looks like on the wire, written by hand.
//!
//! Numbers of fields are those of opentelemetry-proto 1.x (`collector/trace/v1`, `trace/v1`, `common/v1`, `resource/v1`).

use super::record::{Finished, Value};

/// Whoever wrote the spans.
const SCOPE: &str = "traffic";
/// `STATUS_CODE_ERROR`
const ERROR: u64 = 2;
/// The spans were sampled (W3C's flag).
const SAMPLED: u32 = 1;

/// What all spans of this process have in common.
pub(super) type Resource = Vec<(String, String)>;

/// One request to a collector.
pub(super) fn export(resource: &Resource, spans: &[Finished]) -> Vec<u8> {
    let mut scope = Message::default();
    scope.text(1, SCOPE);
    scope.text(2, env!("CARGO_PKG_VERSION"));
    let mut of_scope = Message::default();
    of_scope.message(1, &scope);
    spans.iter().for_each(|one| of_scope.message(2, &span(one)));
    let mut of_resource = Message::default();
    let mut attributes = Message::default();
    resource.iter().for_each(|(name, value)| attributes.message(1, &pair(name, &Value::Text(value.clone()))));
    of_resource.message(1, &attributes);
    of_resource.message(2, &of_scope);
    let mut request = Message::default();
    request.message(1, &of_resource);
    request.0
}

fn span(one: &Finished) -> Message {
    let mut span = Message::default();
    span.bytes(1, &one.place.trace.to_be_bytes());
    span.bytes(2, &one.place.span.to_be_bytes());
    if let Some(parent) = one.parent {
        span.bytes(4, &parent.to_be_bytes());
    }
    span.text(5, &one.name);
    span.number(6, one.kind as u64);
    span.fixed64(7, one.began);
    span.fixed64(8, one.ended);
    one.attributes.iter().for_each(|(name, value)| span.message(9, &pair(name, value)));
    for link in &one.links {
        let mut other = Message::default();
        other.bytes(1, &link.trace.to_be_bytes());
        other.bytes(2, &link.span.to_be_bytes());
        span.message(13, &other);
    }
    if one.failed {
        let mut status = Message::default();
        status.number(3, ERROR);
        span.message(15, &status);
    }
    span.fixed32(16, SAMPLED);
    span
}

fn pair(name: &str, value: &Value) -> Message {
    let mut any = Message::default();
    match value {
        Value::Text(text) => any.text(1, text),
        // Negative numbers are ten bytes long, as 64 bits in two's complement.
        Value::Number(number) => any.number(3, number.cast_unsigned()),
    }
    let mut pair = Message::default();
    pair.text(1, name);
    pair.message(2, &any);
    pair
}

/// The bytes of one message.
#[derive(Default)]
struct Message(Vec<u8>);

/// Kinds of fields on the wire.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn field(&mut self, number: u64, kind: u64) {
        self.varint(number << 3 | kind);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.field(field, VARINT);
        self.varint(value);
    }

    fn fixed64(&mut self, field: u64, value: u64) {
        self.field(field, FIXED64);
        self.0.extend(value.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, value: u32) {
        self.field(field, FIXED32);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.field(field, LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the format's own description.
    #[test]
    fn numbers_and_texts_are_written_as_protocol_buffers_say() {
        let mut message = Message::default();
        message.number(1, 150);
        message.text(2, "testing");
        assert_eq!(message.0, b"\x08\x96\x01\x12\x07testing");
        let mut large = Message::default();
        large.fixed32(16, 1);
        assert_eq!(large.0, b"\x85\x01\x01\0\0\0");
        let negative = pair("n", &Value::Number(-1));
        assert_eq!(negative.0, b"\x0a\x01n\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    }
}
