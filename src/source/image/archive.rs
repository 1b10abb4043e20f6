//! Tar archives, read once from front to back in bounded memory.
//!
//! Fields of headers are the `tar` crate's to decode. Its own reader is not used, because it takes names of any length into
//! memory; what Go's reader makes of an archive, with which container engines unpack, is made of it here too.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

/// Size of a block: headers are one, data are padded to a multiple.
const BLOCK: usize = 512;

/// Longest name, and longest target of a link, in bytes.
const MAX_NAME: u64 = 64 * 1024;

/// Longest extended header, in bytes.
const MAX_EXTENSIONS: u64 = 1 << 20;

/// Most extended headers before an entry.
const MAX_HEADERS: usize = 16;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    HardLink,
    /// FIFO, device, or a file of which only parts are stored.
    Special,
}

/// The header of an entry.
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

/// An archive that is being read.
pub(super) struct Archive<R> {
    from: R,
    /// Bytes of the present entry that were not read.
    left: u64,
    /// Bytes that fill its last block.
    padding: u64,
}

/// What extended headers say of the entry after them.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    sparse: bool,
}

impl<R: Read> Archive<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, left: 0, padding: 0 }
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// What is no archive, or ends in the middle of an entry.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        for _ in 0..MAX_HEADERS {
            self.skip()?;
            let Some(block) = self.block()? else { return Ok(None) };
            let header = Header::from_byte_slice(&block);
            if !is_summed(&block) {
                return Err(malformed());
            }
            let kind = header.entry_type();
            let size = header.entry_size().map_err(|_| malformed())?;
            self.left = size;
            self.padding = padding(size);
            match kind {
                EntryType::GNULongName => extended.path = Some(self.name(size)?),
                EntryType::GNULongLink => extended.link = Some(self.name(size)?),
                EntryType::XHeader => {
                    let bytes = self.small(size, MAX_EXTENSIONS)?;
                    extended.read(&bytes)?;
                }
                EntryType::XGlobalHeader => {}
                _ => return self.entry(header, kind, extended).map(Some),
            }
        }
        Err(malformed())
    }

    /// The content of the present entry.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content { archive: self }
    }

    /// What the archive is read from.
    pub(super) fn into_inner(self) -> R {
        self.from
    }

    /// Bytes of the present entry that were not read, and of its padding.
    pub(super) fn unread(&self) -> (u64, u64) {
        (self.left, self.padding)
    }

    /// Tells that the present entry was passed over by other means.
    pub(super) fn passed_over(&mut self) {
        self.left = 0;
        self.padding = 0;
    }

    pub(super) fn source(&mut self) -> &mut R {
        &mut self.from
    }

    fn entry(&mut self, header: &Header, kind: EntryType, extended: Extended) -> io::Result<Entry> {
        let kind = match kind {
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => Kind::Link,
            EntryType::Link => Kind::HardLink,
            _ => Kind::Special,
        };
        let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        // In the oldest form a folder is a file whose name ends so.
        let kind = if kind == Kind::File && path.ends_with(b"/") { Kind::Folder } else { kind };
        let size = match kind {
            Kind::File | Kind::Special => extended.size.unwrap_or(self.left),
            _ => 0,
        };
        let sparse = header
            .as_gnu()
            .is_some_and(|gnu| header.entry_type() == EntryType::GNUSparse && gnu.is_extended());
        if sparse {
            // Further maps of holes lie between header and data.
            while self.block()?.is_some_and(|block| block[504] == 1) {}
        }
        self.left = size;
        self.padding = padding(size);
        let link = header.link_name_bytes().map(std::borrow::Cow::into_owned);
        Ok(Entry {
            path,
            link: extended.link.or(link).unwrap_or_default(),
            kind: if extended.sparse { Kind::Special } else { kind },
            size,
            mode: header.mode().unwrap_or(0) & 0o7777,
            uid: extended.uid.unwrap_or_else(|| {
                header.uid().ok().and_then(|uid| u32::try_from(uid).ok()).unwrap_or(0)
            }),
            modified: header.mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0),
        })
    }

    /// The next block, if it is no end mark.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.from.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        Ok(Some(block))
    }

    fn name(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut name = self.small(size, MAX_NAME)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    fn small(&mut self, size: u64, limit: u64) -> io::Result<Vec<u8>> {
        if size > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::new();
        self.content().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Passes over what is left of the present entry.
    fn skip(&mut self) -> io::Result<()> {
        io::copy(&mut self.content(), &mut io::sink())?;
        let padding = std::mem::take(&mut self.padding);
        let passed = io::copy(&mut self.from.by_ref().take(padding), &mut io::sink())?;
        // The last entry of some archives is not filled up.
        if passed < padding && passed > 0 {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }
}

impl Extended {
    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        for record in PaxExtensions::new(bytes) {
            let record = record.map_err(|_| malformed())?;
            let value = record.value_bytes();
            let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
            match record.key_bytes() {
                b"path" => self.path = Some(value.to_owned()),
                b"linkpath" => self.link = Some(value.to_owned()),
                b"size" => self.size = Some(number().ok_or_else(malformed)?),
                b"uid" => self.uid = number().and_then(|uid| u32::try_from(uid).ok()),
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The content of the present entry of an archive.
pub(super) struct Content<'a, R> {
    archive: &'a mut Archive<R>,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let archive = &mut *self.archive;
        let room = buffer.len().min(usize::try_from(archive.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let read = archive.from.read(&mut buffer[..room])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        archive.left -= read as u64;
        Ok(read)
    }
}

/// Whether an archive begins so: with a header, or, if it is empty, with its end.
pub(super) fn begins(start: &[u8]) -> bool {
    let block = start.get(..BLOCK).and_then(|block| <&[u8; BLOCK]>::try_from(block).ok());
    block.is_some_and(|block| is_summed(block) || block.iter().all(|byte| *byte == 0))
}

/// Whether a header has its own sum, which is taken with spaces in its place.
fn is_summed(block: &[u8; BLOCK]) -> bool {
    let sum = block.iter().enumerate().map(|(at, byte)| match at {
        148..156 => 32,
        _ => u32::from(*byte),
    });
    Header::from_byte_slice(block).cksum().ok() == Some(sum.sum())
}

fn padding(size: u64) -> u64 {
    let block = BLOCK as u64;
    (block - size % block) % block
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8]) -> (usize, u64) {
        let mut archive = Archive::new(bytes);
        let mut entries = 0;
        let mut content = 0;
        while let Ok(Some(_)) = archive.next() {
            entries += 1;
            content += io::copy(&mut archive.content(), &mut io::sink()).unwrap_or_default();
        }
        (entries, content)
    }

    fn made() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let long = "a/".repeat(120) + "file";
        for path in ["a", &long] {
            let mut header = Header::new_gnu();
            header.set_size(700);
            tar.append_data(&mut header, path, &[7; 700][..]).unwrap();
        }
        tar.append_pax_extensions([("path", &b"pax/name"[..]), ("uid", b"70000")]).unwrap();
        let mut header = Header::new_ustar();
        header.set_size(3);
        header.set_path("short").unwrap();
        header.set_cksum();
        tar.append(&header, &b"abc"[..]).unwrap();
        tar.into_inner().unwrap()
    }

    #[test]
    fn names_and_sizes_are_those_of_the_archive() {
        let bytes = made();
        let mut archive = Archive::new(&*bytes);
        let mut told = Vec::new();
        while let Some(entry) = archive.next().unwrap() {
            told.push((String::from_utf8(entry.path).unwrap().len(), entry.size, entry.uid));
        }
        assert_eq!(told, [(1, 700, 0), (244, 700, 0), (8, 3, 70_000)]);
        assert_eq!(read_all(&bytes), (3, 1403));
        assert!(begins(&bytes));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            read_all(&bytes);
        }

        #[test]
        fn a_changed_archive_ends(at in 0usize..4096, byte in any::<u8>()) {
            let mut bytes = made();
            let at = at % bytes.len();
            bytes[at] = byte;
            read_all(&bytes);
        }
    }
}
