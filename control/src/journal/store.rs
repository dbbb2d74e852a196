//! The journal's files: one JSON object a line, the newest file is written to, and the oldest go when there is too much.
//!
//! A file is called after the number of its first entry, and begins with who was there then, so that what is left of the journal
//! tells that by itself. A line that a killed process left half written is cut off when the file is opened again.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::{Entry, Event, Number};

/// The files in all are at most `bytes_max`; each is a share of that, so that what goes at a time is a share.
const FILES: u64 = 8;

const PREFIX: &str = "journal-";
const SUFFIX: &str = ".jsonl";

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Entry(Box<Entry>),
    /// Who was there when the file began.
    There {
        there: Event,
    },
}

struct Segment {
    first: Number,
    path: PathBuf,
    bytes: u64,
}

/// See the file's head.
pub(super) struct Store {
    folder: PathBuf,
    bytes_max: u64,
    /// Oldest first. The last one is written to.
    segments: VecDeque<Segment>,
    file: Option<File>,
}

impl Store {
    pub(super) fn open(folder: PathBuf, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut segments = Vec::new();
        for found in fs::read_dir(&folder)? {
            let found = found?;
            let name = found.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX))
                .and_then(|number| number.parse().ok());
            if let Some(number) = number {
                let bytes = found.metadata()?.len();
                segments.push(Segment { first: Number(number), path: found.path(), bytes });
            }
        }
        segments.sort_by_key(|segment| segment.first);
        Ok(Self { folder, bytes_max, segments: segments.into(), file: None })
    }

    /// Hands every entry on, oldest first, and makes the last file one that can be written to.
    pub(super) fn read_all(&mut self, mut each: impl FnMut(Entry)) -> io::Result<()> {
        let last = self.segments.len().saturating_sub(1);
        for (at, segment) in self.segments.iter_mut().enumerate() {
            let sound = read(segment, |line| {
                if let Line::Entry(entry) = line {
                    each(*entry);
                }
                true
            })?;
            if at == last && sound < segment.bytes {
                OpenOptions::new().write(true).open(&segment.path)?.set_len(sound)?;
                segment.bytes = sound;
            }
        }
        Ok(())
    }

    /// No entry that was written has this number or a higher one, as far as the files' names tell.
    pub(super) fn next(&self) -> Number {
        self.segments.back().map_or(Number::FIRST, |last| last.first)
    }

    /// Who was there when the oldest file began.
    pub(super) fn beginning(&self) -> io::Result<Ledger> {
        let mut ledger = Ledger::default();
        if let Some(oldest) = self.segments.front() {
            read(oldest, |line| match line {
                Line::There { there } => {
                    ledger.account(&there);
                    true
                }
                Line::Entry(_) => false,
            })?;
        }
        Ok(ledger)
    }

    pub(super) fn append(&mut self, entry: &Entry, ledger: &Ledger) -> io::Result<()> {
        let is_full = self.segments.back().is_none_or(|last| last.bytes >= self.bytes_max / FILES);
        if is_full {
            self.begin(entry.number, ledger)?;
        }
        if self.file.is_none()
            && let Some(last) = self.segments.back()
        {
            self.file = Some(OpenOptions::new().append(true).open(&last.path)?);
        }
        let mut bytes = serde_json::to_vec(&entry)?;
        bytes.push(b'\n');
        if let (Some(file), Some(last)) = (&mut self.file, self.segments.back_mut()) {
            // In one call: a process that is killed leaves a line or none, but for a disk that is full.
            file.write_all(&bytes)?;
            last.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    /// A new file, which says who is there; the oldest go.
    fn begin(&mut self, first: Number, ledger: &Ledger) -> io::Result<()> {
        let path = self.folder.join(format!("{PREFIX}{:020}{SUFFIX}", first.0));
        let mut bytes = Vec::new();
        for there in ledger.events() {
            serde_json::to_writer(&mut bytes, &Line::There { there: there.clone() })?;
            bytes.push(b'\n');
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(&bytes)?;
        self.file = Some(file);
        self.segments.push_back(Segment { first, path, bytes: bytes.len() as u64 });
        while self.segments.len() > 1
            && self.segments.iter().map(|segment| segment.bytes).sum::<u64>() > self.bytes_max
        {
            if let Some(oldest) = self.segments.pop_front() {
                fs::remove_file(&oldest.path)?;
            }
        }
        Ok(())
    }

    /// Up to `count` entries after `cursor` of those that are kept.
    pub(super) fn read_after(&self, cursor: Number, count: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        // The last file that begins at or before the next entry has it, if any has.
        let begins =
            self.segments.partition_point(|segment| segment.first <= cursor.next()).saturating_sub(1);
        for segment in self.segments.iter().skip(begins) {
            read(segment, |line| {
                if let Line::Entry(entry) = line
                    && entry.number > cursor
                {
                    entries.push(*entry);
                }
                entries.len() < count
            })?;
            if entries.len() >= count {
                break;
            }
        }
        Ok(entries)
    }
}

/// Hands on the lines of a file while `each` says so. Gives back how many bytes were sound.
fn read(segment: &Segment, mut each: impl FnMut(Line) -> bool) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(&segment.path)?);
    let (mut sound, mut text) = (0, Vec::new());
    loop {
        text.clear();
        let count = reader.read_until(b'\n', &mut text)?;
        let Ok(line) = serde_json::from_slice(&text) else { return Ok(sound) };
        if count == 0 || text.last() != Some(&b'\n') {
            return Ok(sound);
        }
        sound += count as u64;
        if !each(line) {
            return Ok(sound);
        }
    }
}
