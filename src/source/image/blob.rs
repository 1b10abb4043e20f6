//! Blobs of an image: where their bytes come from, unpacked and checked against their digest while they stream by.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use sha2::{Digest as _, Sha256, Sha512};

use super::archive::{self, Archive, Kind};
use super::manifest::MAX_DOCUMENT;
use crate::artifact::handle;
use crate::extract::secret::hex;

/// Most entries of the archive around the blobs.
const MAX_BLOBS: usize = 100_000;

/// Room for what is read at a time, in bytes.
const CHUNK: usize = 128 * 1024;

/// How many bytes tell what a blob is.
const BEGINNING: usize = 512;

/// Largest window of a zstd frame, as a power of two: `zstd -19` writes 2^23, and what needs more than this needs the room.
const MAX_WINDOW: u32 = 25;

/// What is unpacked of a blob before its ratio is looked at, in bytes.
const FREE: u64 = 1 << 30;

/// How many times larger than its blob a layer may be: deflate reaches 1032.
const MAX_RATIO: u64 = 1100;

/// Blobs in a folder, or in an archive that can be read in any order.
pub(super) enum Blobs {
    Folder(handle::Root),
    Archive { file: File, places: BTreeMap<String, Place> },
}

/// Where a blob lies in an archive.
#[derive(Clone)]
pub(super) enum Place {
    At {
        offset: u64,
        size: u64,
    },
    /// Older Dockers save a layer that several images share once, and link to it.
    Link(String),
}

impl Blobs {
    /// Finds what an archive holds; it is read to its end by seeking.
    ///
    /// # Errors
    /// What is no archive, or a hostile one.
    pub(super) fn of_archive(mut file: File) -> io::Result<Self> {
        let end = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut archive = Archive::new(&mut file);
        let mut places = BTreeMap::new();
        while let Some(entry) = archive.next()? {
            if places.len() >= MAX_BLOBS {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let name = String::from_utf8_lossy(&entry.path);
            let name = name.trim_start_matches("./").to_owned();
            match entry.kind {
                Kind::File => {
                    let offset = archive.source().stream_position()?;
                    let (left, padding) = archive.unread();
                    let next = offset.checked_add(left).and_then(|end| end.checked_add(padding));
                    let next = next.ok_or(io::ErrorKind::InvalidData)?;
                    if offset.saturating_add(left) > end {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    archive.source().seek(SeekFrom::Start(next))?;
                    archive.passed_over();
                    places.insert(name, Place::At { offset, size: left });
                }
                Kind::Link | Kind::HardLink => {
                    let target = String::from_utf8_lossy(&entry.link).into_owned();
                    places.insert(name.clone(), Place::Link(linked(&name, &target)));
                }
                Kind::Folder | Kind::Special => {}
            }
        }
        Ok(Self::Archive { file, places })
    }

    /// Opens a blob by its name; gives its size too.
    ///
    /// # Errors
    /// `NotFound`, and whatever the system says.
    pub(super) fn open(&self, name: &str) -> io::Result<(Box<dyn Read + Send + '_>, u64)> {
        match self {
            Self::Folder(root) => {
                let file = root.open_file(Path::new(name))?;
                let facts = file.metadata()?;
                if !facts.is_file() {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                Ok((Box::new(file), facts.len()))
            }
            Self::Archive { file, places } => {
                let mut place = places.get(name).ok_or(io::ErrorKind::NotFound)?;
                // A link leads to a blob, not to another link.
                if let Place::Link(target) = place {
                    place = places.get(target).ok_or(io::ErrorKind::NotFound)?;
                }
                let Place::At { offset, size } = *place else {
                    return Err(io::ErrorKind::NotFound.into());
                };
                Ok((Box::new(Section { file, at: offset, end: offset + size }), size))
            }
        }
    }

    /// Reads a document.
    pub(super) fn document(&self, name: &str) -> Option<Vec<u8>> {
        let (from, size) = self.open(name).ok()?;
        let mut bytes = Vec::new();
        (size <= MAX_DOCUMENT && from.take(MAX_DOCUMENT).read_to_end(&mut bytes).is_ok())
            .then_some(bytes)
    }
}

/// Where a link of an archive leads, by name.
pub(super) fn linked(name: &str, target: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "" | "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A part of a file, read without moving the file's own position: several threads read at once.
struct Section<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let read = read_at(self.file, &mut buffer[..room], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

/// A digest that a manifest promises.
enum Sum {
    Sha256(Sha256),
    Sha512(Sha512),
    /// Of a kind that cannot be checked.
    Unknown,
}

/// A reader that sums up what is read.
pub(super) struct Summed<R> {
    from: R,
    sum: Sum,
    pub(super) read: u64,
}

impl<R: Read> Summed<R> {
    /// By the algorithm of a digest such as `sha256:…`; none sums up nothing.
    pub(super) fn new(from: R, digest: &str) -> Self {
        let sum = match digest.split_once(':') {
            Some(("sha256", _)) => Sum::Sha256(Sha256::new()),
            Some(("sha512", _)) => Sum::Sha512(Sha512::new()),
            _ => Sum::Unknown,
        };
        Self { from, sum, read: 0 }
    }

    /// The digest of what was read.
    pub(super) fn digest(self) -> Option<String> {
        match self.sum {
            Sum::Sha256(sum) => Some(format!("sha256:{}", hex(&sum.finalize()))),
            Sum::Sha512(sum) => Some(format!("sha512:{}", hex(&sum.finalize()))),
            Sum::Unknown => None,
        }
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.read += read as u64;
        match &mut self.sum {
            Sum::Sha256(sum) => sum.update(&buffer[..read]),
            Sum::Sha512(sum) => sum.update(&buffer[..read]),
            Sum::Unknown => {}
        }
        Ok(read)
    }
}

/// What a blob is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Gzip,
    Zstd,
    Tar,
    /// JSON, or what looks like it.
    Document,
    Other,
}

impl Form {
    pub(super) fn of(start: &[u8]) -> Self {
        let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        match start {
            [0x1F, 0x8B, ..] => Self::Gzip,
            // Or a frame that zstd skips: `zstd:chunked` and seekable layers begin with one.
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            _ if archive::begins(start) => Self::Tar,
            _ if matches!(first, Some(b'{' | b'[')) => Self::Document,
            _ => Self::Other,
        }
    }
}

/// Unpacks a layer of this size, by what its first bytes say, and tells what they said.
///
/// # Errors
/// What cannot be unpacked.
pub(super) fn unpacked<'r>(
    mut from: impl Read + Send + 'r,
    size: u64,
) -> io::Result<(Form, Box<dyn Read + Send + 'r>)> {
    let start = beginning(&mut from)?;
    let form = Form::of(&start);
    let most = size.saturating_mul(MAX_RATIO).max(FREE);
    let whole = BufReader::with_capacity(CHUNK, io::Cursor::new(start).chain(from));
    let unpacked: Box<dyn Read + Send + 'r> = match form {
        Form::Gzip => {
            Box::new(Unpacked { from: flate2::bufread::MultiGzDecoder::new(whole), left: most })
        }
        Form::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
            decoder.window_log_max(MAX_WINDOW)?;
            Box::new(Unpacked { from: decoder, left: most })
        }
        Form::Tar => Box::new(whole),
        Form::Document | Form::Other => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok((form, unpacked))
}

/// The first bytes: as many as tell what a blob is, if there are so many.
pub(super) fn beginning(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(BEGINNING);
    from.by_ref().take(BEGINNING as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// What came out of a blob, to end a bomb.
struct Unpacked<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}
