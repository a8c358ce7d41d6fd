//! The conversation between a server and its render workers.
//!
//! Both ends hold one side of a stream socket pair. A message is its length (four bytes, little-endian) and that many bytes of
//! JSON. The server opens with a [`Setup`], which the worker answers with [`Ready`]; then [`Job`] and [`Answer`] alternate. The
//! first byte of every job carries two file descriptors: the source, which the worker only reads, and the result, which it
//! writes from the start. Pixels therefore never pass through the socket.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    analysis::Analysis,
    facts::Rectangle,
    plan::{Measure, Plan},
    source::SourceMeta,
};

/// Longest message in bytes, its length prefix not counted. Plans are lists of small numbers, so anything longer is a fault.
pub const MAX_MESSAGE: usize = 1 << 20;

/// The argument with which a worker only prints the version of its library, as `8.14`, and ends.
pub const TELL_LIBRARY: &str = "--library";

/// Bytes of the length prefix.
pub const PREFIX: usize = 4;

/// Limits a worker puts on itself before it reads any job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Address space in bytes; an allocation beyond it fails and ends the worker.
    pub address_space_bytes: u64,
    /// Largest result in bytes.
    pub result_bytes: u64,
}

/// The worker has limited itself and is ready for jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The worker's process id.
    pub pid: u32,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Chosen by the server; the answer repeats it.
    pub id: u64,
    /// What is to be done.
    pub work: Work,
    /// Length of the source in bytes.
    pub source_len: u64,
}

/// What is to be done with a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// Find out what the source is.
    Probe {
        /// Refuse sources of more pixels than this, all frames together.
        max_pixels: u64,
    },
    /// Find out what the source shows and what its file says of it.
    Describe {
        /// Refuse sources of more pixels than this, all frames together.
        max_pixels: u64,
    },
    /// Find the edges of what the source becomes.
    Measure {
        /// What it becomes, and what an edge is.
        measure: Measure,
        /// Refuse sources of more pixels than this, all frames together.
        max_pixels: u64,
    },
    /// Carry out a plan and write the outcome to the result file.
    Render {
        /// The plan.
        plan: Plan,
        /// Refuse sources of more pixels than this, all frames together.
        max_pixels: u64,
    },
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The job's id.
    pub id: u64,
    /// The outcome.
    pub outcome: Outcome,
    /// Processor time the job took, in microseconds.
    pub cpu_micros: u64,
    /// Largest resident set the worker has had so far, in bytes.
    pub max_rss_bytes: u64,
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The source's facts.
    Probed {
        /// The facts.
        meta: SourceMeta,
    },
    /// What the source shows.
    Described {
        /// What was found.
        analysis: Box<Analysis>,
    },
    /// The edges were looked for.
    Measured {
        /// What lies within them; nothing where it is all edge.
        within: Option<Rectangle>,
    },
    /// The result file is written.
    Rendered {
        /// Width in pixels, of one frame.
        width: u32,
        /// Height in pixels, of one frame.
        height: u32,
        /// Number of frames.
        frames: u32,
        /// Bytes written.
        bytes: u64,
    },
    /// The input was at fault.
    Refused {
        /// The reason.
        refused: Refused,
    },
}

/// Why a source or a plan was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The class of the fault.
    pub kind: RefusedKind,
    /// What is wrong, in English, for logs and for error answers.
    pub message: String,
}

impl Refused {
    /// A refusal of a kind with its text.
    pub fn new(kind: RefusedKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The classes of faults in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedKind {
    /// The bytes are no image, or their header cannot be read.
    NotAnImage,
    /// The end of the file is missing.
    Truncated,
    /// More pixels than the installation allows.
    TooManyPixels,
    /// An image, but the format is not read or not written here.
    UnsupportedFormat,
    /// The pixels cannot be decoded.
    Damaged,
    /// The plan cannot be carried out on this source.
    Failed,
}

/// Writes a message with its length as one buffer, so that descriptors can travel with its first byte.
///
/// # Errors
/// `InvalidData` when the message is longer than [`MAX_MESSAGE`].
pub fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; PREFIX];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - PREFIX;
    if length > MAX_MESSAGE {
        return Err(too_long(length));
    }
    frame[..PREFIX].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

/// Sends a message.
///
/// # Errors
/// Those of the stream, and `InvalidData` for a message longer than [`MAX_MESSAGE`].
pub fn send(stream: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    stream.write_all(&frame(message)?)
}

/// Receives a message whose length prefix has not been read yet.
///
/// # Errors
/// Those of the stream, `UnexpectedEof` when it ends, `InvalidData` for bytes that are no such message.
pub fn receive<T: DeserializeOwned>(stream: &mut impl Read) -> io::Result<T> {
    let mut prefix = [0; PREFIX];
    stream.read_exact(&mut prefix)?;
    receive_body(stream, prefix)
}

/// Receives the rest of a message whose length prefix has been read.
///
/// # Errors
/// As for [`receive`].
pub fn receive_body<T: DeserializeOwned>(stream: &mut impl Read, prefix: [u8; PREFIX]) -> io::Result<T> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length > MAX_MESSAGE {
        return Err(too_long(length));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

fn too_long(length: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes is longer than {MAX_MESSAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way() {
        let job = Job { id: 7, work: Work::Probe { max_pixels: u64::MAX }, source_len: 12 };
        let refused = Refused::new(RefusedKind::Truncated, "the end is missing");
        let answer = Answer { id: 7, outcome: Outcome::Refused { refused }, cpu_micros: 1, max_rss_bytes: 2 };
        let mut wire = frame(&job).unwrap();
        send(&mut wire, &answer).unwrap();
        let mut stream = wire.as_slice();
        assert_eq!(receive::<Job>(&mut stream).unwrap(), job);
        assert_eq!(receive::<Answer>(&mut stream).unwrap(), answer);
        assert_eq!(receive::<Answer>(&mut stream).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_lying_length_allocates_nothing() {
        let error = receive::<Job>(&mut [0xff; 16].as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
