//! What shows that `in-order` can fail: long messages have a packer of their own, and overtake or are overtaken.

use super::{Node, Shipped};

/// Messages of so many bytes are long.
const LONG: usize = 10;

pub struct TwoPackers([Shipped; 2]);

impl Node for TwoPackers {
    fn new(frame_bytes: usize) -> Self {
        TwoPackers([(); 2].map(|()| Shipped::new(frame_bytes)))
    }
    fn send(&self, segments: &[&[u8]]) {
        let bytes: usize = segments.iter().map(|s| s.len()).sum();
        self.0[usize::from(bytes >= LONG)].send(segments);
    }
    fn flush(&self) {
        self.0.iter().for_each(Node::flush);
    }
    fn received(&self) -> Vec<Vec<u8>> {
        self.0.iter().flat_map(Node::received).collect()
    }
    fn pieces(&self) -> Vec<usize> {
        self.0.iter().flat_map(Node::pieces).collect()
    }
}
