//! Where reports go: stdout, and files that appear whole or not at all.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::file::Pending;
use super::{FORMATS, Format, Style, format, format_of};
use crate::error::Error;
use crate::report::Report;

/// What the user asked to be handed out.
pub struct Delivery {
    stdout: Option<&'static Format>,
    files: Vec<(&'static Format, PathBuf)>,
}

impl Delivery {
    /// Decides from `--format` and `--output`.
    ///
    /// # Errors
    /// An output whose form is neither named nor told by its ending.
    pub fn new(asked: Option<&str>, outputs: &[String]) -> Result<Self, Error> {
        let mut delivery = Self { stdout: asked.and_then(format), files: Vec::new() };
        for output in outputs {
            let (form, path) = target(output)?;
            if path == "-" {
                delivery.stdout = Some(form);
            } else {
                delivery.files.push((form, path.into()));
            }
        }
        if delivery.stdout.is_none() && delivery.files.is_empty() {
            delivery.stdout = FORMATS.first();
        }
        Ok(delivery)
    }

    /// Opens all files, so that a scan needs to open none for writing.
    ///
    /// # Errors
    /// A file that cannot be made, or whose place is not safe.
    pub fn open(self) -> Result<OpenDelivery, Error> {
        let open = |(form, path): (_, PathBuf)| Pending::open(&path).map(|file| (form, file));
        let files = self.files.into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(OpenDelivery { stdout: self.stdout, files })
    }
}

/// What the user asked to be handed out, its files open.
pub struct OpenDelivery {
    stdout: Option<&'static Format>,
    files: Vec<(&'static Format, Pending)>,
}

impl OpenDelivery {
    /// The folders in which files will get their names.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().filter_map(|(_, file)| file.folder())
    }

    /// Whether stdout gets the screen for people.
    pub fn shows_a_table(&self) -> bool {
        self.stdout.is_some_and(|form| form.name == super::table::FORMAT.name)
    }

    /// Writes the report everywhere.
    ///
    /// # Errors
    /// A file that could not be written; a closed pipe is none.
    pub fn write(self, report: &Report, style: &Style) -> Result<(), Error> {
        for (form, file) in self.files {
            // A file is read elsewhere and later: no width, no colour, nothing left out.
            let fail_on = style.fail_on;
            let style = Style { unicode: true, all: true, fail_on, ..Style::default() };
            file.finish(|out| (form.write)(report, &style, out))?;
        }
        match self.stdout {
            Some(form) => to_stdout(|out| (form.write)(report, style, out)),
            None => Ok(()),
        }
    }
}

/// Writes a text file that appears whole or stays as it was; one that was there keeps its mode.
///
/// # Errors
/// A link, a folder where everybody may swap files, a file that cannot be written.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let file = Pending::open(path)?;
    file.keep_mode_of(path);
    file.finish(|out| out.write_all(text.as_bytes()))
}

fn target(output: &str) -> Result<(&'static Format, &str), Error> {
    let named = output.split_once('=').and_then(|(name, path)| Some((format(name)?, path)));
    let by_ending = || {
        let name = Path::new(output).file_name()?.to_str()?;
        Some((format_of(name)?, output))
    };
    named.or_else(by_ending).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        Error::Usage(format!(
            "--output `{}`: its ending names no format; write FORMAT=PATH with one of {}",
            super::safe(output),
            names.join(", ")
        ))
    })
}

/// Writes a text to stdout, or whole into a file for its owner only.
///
/// # Errors
/// A place that is not safe, or what went wrong while writing; a closed pipe is none.
pub fn hand_over(text: &str, path: Option<&Path>) -> Result<(), Error> {
    match path {
        Some(path) => Pending::open(path)?.finish(|out| out.write_all(text.as_bytes())),
        None => to_stdout(|out| out.write_all(text.as_bytes())),
    }
}

/// Hands a writer on stdout to `write`.
///
/// # Errors
/// Any but that the reader has gone.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::Output { path: "stdout".into(), source: error })
        }
        _ => Ok(()),
    }
}
