//! A disk that keeps only what was synced: what a power cut may leave of a run.
//!
//! The model is the pessimistic one of a POSIX file system. A write reaches the disk when its file is synced, a name when
//! its directory is; until then each of them may be there or not, independently and in any order, and a write may be
//! there in part or as zeros of the right length. One rename is one step. A commit of a database is one step that is
//! durable at once: that is the database's own promise, which is tested elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::trace::{Change, Step};

type Inode = usize;

/// The disk, what is on it for sure and what is on its way.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
    /// All changes of names, in order.
    names: Vec<NameChange>,
    /// All changes of content, in order.
    data: Vec<DataChange>,
    /// What the running programs see: directory, name → node.
    live: HashMap<Inode, BTreeMap<String, Inode>>,
}

#[derive(Debug, Clone)]
enum Node {
    Dir { mode: u32, names: BTreeMap<String, Inode> },
    File { mode: u32, bytes: Arc<Vec<u8>>, len: u64 },
    Link { target: PathBuf },
}

#[derive(Debug, Clone)]
struct NameChange {
    effects: Vec<(Inode, String, Option<Inode>)>,
    durable: bool,
}

#[derive(Debug, Clone)]
struct DataChange {
    file: Inode,
    kind: DataKind,
    durable: bool,
}

#[derive(Debug, Clone)]
enum DataKind {
    Write { at: u64, bytes: Arc<Vec<u8>> },
    Cut(u64),
}

/// What becomes of one change that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is not on the disk.
    Lost,
    /// It is.
    Kept,
    /// Of a write the first bytes are there, in blocks of this many bytes; the other half is zeros.
    Torn(u64),
}

/// A file system's content, to be compared and laid out.
pub type Image = BTreeMap<PathBuf, Entry>;

/// One name of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A directory with its mode.
    Dir(u32),
    /// A file: mode, content, and a number that its hard links share.
    File(u32, Arc<Vec<u8>>, usize),
    /// A symbolic link.
    Link(PathBuf),
}

impl Disk {
    /// Takes over the directory `root` as it is, all of it durable.
    pub fn load(root: &Path) -> anyhow::Result<Self> {
        let mut disk = Self {
            root: root.to_owned(),
            nodes: Vec::new(),
            names: Vec::new(),
            data: Vec::new(),
            live: HashMap::new(),
        };
        disk.load_dir(root, &mut HashMap::new())?;
        for (inode, node) in disk.nodes.iter().enumerate() {
            if let Node::Dir { names, .. } = node {
                disk.live.insert(inode, names.clone());
            }
        }
        Ok(disk)
    }

    fn load_dir(&mut self, path: &Path, seen: &mut HashMap<u64, Inode>) -> anyhow::Result<Inode> {
        let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
        let inode = self.add(Node::Dir { mode, names: BTreeMap::new() });
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|_| anyhow::anyhow!("a name is not UTF-8"))?;
            names.insert(name, self.load_entry(&entry.path(), seen)?);
        }
        self.nodes[inode] = Node::Dir { mode, names };
        Ok(inode)
    }

    fn load_entry(&mut self, path: &Path, seen: &mut HashMap<u64, Inode>) -> anyhow::Result<Inode> {
        let metadata = fs::symlink_metadata(path)?;
        if metadata.is_dir() {
            return self.load_dir(path, seen);
        }
        if metadata.is_symlink() {
            return Ok(self.add(Node::Link { target: fs::read_link(path)? }));
        }
        if let Some(inode) = seen.get(&metadata.ino()) {
            return Ok(*inode);
        }
        let bytes = Arc::new(fs::read(path)?);
        let len = bytes.len() as u64;
        let inode = self.add(Node::File { mode: metadata.permissions().mode() & 0o7777, bytes, len });
        seen.insert(metadata.ino(), inode);
        Ok(inode)
    }

    fn add(&mut self, node: Node) -> Inode {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Does one operation. With `ignored`, a sync for which it returns true does nothing.
    pub fn apply(&mut self, step: &Step, ignored: &dyn Fn(&Step) -> bool) -> anyhow::Result<()> {
        if step.change.sync().is_some() && ignored(step) {
            return Ok(());
        }
        self.change(&step.change).with_context(|| format!("{:?} at {}", step.change.word(), step.caller))
    }

    fn change(&mut self, change: &Change) -> anyhow::Result<()> {
        match change {
            Change::Create { path, mode } => self.create(path, *mode).map(drop),
            Change::Write { path, at, bytes } => self.write(path, *at, bytes),
            Change::Truncate { path, len } => {
                let file = self.find(path)?;
                self.set_len(file, *len)?;
                self.data.push(DataChange { file, kind: DataKind::Cut(*len), durable: false });
                Ok(())
            }
            Change::Chmod { path, mode } => self.chmod(path, *mode),
            Change::Mkdir { path, mode } => {
                let inode = self.add(Node::Dir { mode: *mode, names: BTreeMap::new() });
                self.live.insert(inode, BTreeMap::new());
                self.rename_to(&[(path, Some(inode))])
            }
            Change::Rename { from, to } => {
                let inode = self.find(from)?;
                self.rename_to(&[(from, None), (to, Some(inode))])
            }
            Change::Link { from, to } => {
                let inode = self.find(from)?;
                self.rename_to(&[(to, Some(inode))])
            }
            Change::Symlink { target, link } => {
                let inode = self.add(Node::Link { target: target.clone() });
                self.rename_to(&[(link, Some(inode))])
            }
            Change::Unlink { path } | Change::Rmdir { path } => self.rename_to(&[(path, None)]),
            Change::SyncFile { path, .. } => {
                let file = self.find(path)?;
                self.data.iter_mut().filter(|change| change.file == file).for_each(|change| change.durable = true);
                Ok(())
            }
            Change::SyncDir { path, .. } => {
                let dir = self.find(path)?;
                let in_dir = |change: &&mut NameChange| change.effects.iter().any(|(at, ..)| *at == dir);
                self.names.iter_mut().filter(in_dir).for_each(|change| change.durable = true);
                Ok(())
            }
            Change::SyncAll { .. } => {
                self.data.iter_mut().for_each(|change| change.durable = true);
                self.names.iter_mut().for_each(|change| change.durable = true);
                Ok(())
            }
            Change::Commit { path, bytes } => self.commit(path, bytes),
        }
    }

    fn create(&mut self, path: &Path, mode: u32) -> anyhow::Result<Inode> {
        if let Ok(there) = self.find(path) {
            return Ok(there);
        }
        let inode = self.add(Node::File { mode, bytes: Arc::default(), len: 0 });
        self.rename_to(&[(path, Some(inode))])?;
        Ok(inode)
    }

    fn write(&mut self, path: &Path, at: Option<u64>, bytes: &[u8]) -> anyhow::Result<()> {
        let file = self.find(path)?;
        let Some(Node::File { len, .. }) = self.nodes.get_mut(file) else { bail!("written, but no file") };
        let at = at.unwrap_or(*len);
        *len = (*len).max(at + bytes.len() as u64);
        let kind = DataKind::Write { at, bytes: Arc::new(bytes.to_vec()) };
        self.data.push(DataChange { file, kind, durable: false });
        Ok(())
    }

    fn set_len(&mut self, file: Inode, to: u64) -> anyhow::Result<()> {
        let Some(Node::File { len, .. }) = self.nodes.get_mut(file) else { bail!("cut, but no file") };
        *len = to;
        Ok(())
    }

    fn chmod(&mut self, path: &Path, to: u32) -> anyhow::Result<()> {
        let inode = self.find(path)?;
        match self.nodes.get_mut(inode) {
            Some(Node::Dir { mode, .. } | Node::File { mode, .. }) => *mode = to,
            _ => bail!("no file or directory"),
        }
        Ok(())
    }

    fn commit(&mut self, path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let known = self.find(path).is_ok();
        let file = self.create(path, 0o644)?;
        if !known && let Some(name) = self.names.last_mut() {
            name.durable = true;
        }
        self.data.retain(|change| change.file != file);
        let whole = DataKind::Write { at: 0, bytes: Arc::new(bytes.to_vec()) };
        self.data.push(DataChange { file, kind: DataKind::Cut(0), durable: true });
        self.data.push(DataChange { file, kind: whole, durable: true });
        Ok(())
    }

    /// Changes names, all of them in one step.
    fn rename_to(&mut self, changes: &[(&Path, Option<Inode>)]) -> anyhow::Result<()> {
        let mut effects = Vec::new();
        for (path, inode) in changes {
            let (dir, name) = self.place(path)?;
            effects.push((dir, name, *inode));
        }
        for (dir, name, inode) in &effects {
            set(self.live.entry(*dir).or_default(), name, *inode);
        }
        self.names.push(NameChange { effects, durable: false });
        Ok(())
    }

    /// Returns directory and name of a path.
    fn place(&self, path: &Path) -> anyhow::Result<(Inode, String)> {
        let parent = path.parent().context("a path without parent")?;
        let name = path.file_name().and_then(|name| name.to_str()).context("a path without name")?;
        Ok((self.find(parent)?, name.to_owned()))
    }

    /// Returns what stands at a path; links on the way to it are followed, as the kernel does, the last name is not.
    fn find(&self, path: &Path) -> anyhow::Result<Inode> {
        let below = path.strip_prefix(&self.root).with_context(|| format!("{} is elsewhere", path.display()))?;
        let (mut inode, mut here) = (0, self.root.clone());
        for part in below.components() {
            let Component::Normal(part) = part else { continue };
            if let Some(Node::Link { target }) = self.nodes.get(inode) {
                let behind = here.parent().unwrap_or(&self.root).join(target);
                inode = self.find(&behind)?;
                here = behind;
            }
            let name = part.to_str().context("a name is not UTF-8")?;
            let names = self.live.get(&inode).with_context(|| format!("{} has no directory", path.display()))?;
            inode = *names.get(name).with_context(|| format!("{} is not there", path.display()))?;
            here.push(name);
        }
        Ok(inode)
    }

    /// Returns how many changes of names and of content are not durable.
    pub fn pending(&self) -> (usize, usize) {
        (self.names.iter().filter(|n| !n.durable).count(), self.data.iter().filter(|d| !d.durable).count())
    }

    /// Returns of each pending change of names and of content whether it is durable on `sound`, which did the same steps.
    pub fn durable_on(&self, sound: &Self) -> (Vec<bool>, Vec<bool>) {
        let names = self.names.iter().zip(&sound.names).filter(|(here, _)| !here.durable);
        let data = self.data.iter().zip(&sound.data).filter(|(here, _)| !here.durable);
        (names.map(|(_, there)| there.durable).collect(), data.map(|(_, there)| there.durable).collect())
    }

    /// Returns what is on the disk after a power cut, if `names` and `data` say what became of each pending change.
    pub fn image(&self, names: &dyn Fn(usize) -> Fate, data: &dyn Fn(usize) -> Fate) -> Image {
        let contents = self.contents(data);
        let mut dirs: HashMap<Inode, BTreeMap<String, Inode>> = HashMap::new();
        for (inode, node) in self.nodes.iter().enumerate() {
            if let Node::Dir { names, .. } = node {
                dirs.insert(inode, names.clone());
            }
        }
        let mut pending = 0;
        for change in &self.names {
            let fate = if change.durable { Fate::Kept } else { names(pending) };
            pending += usize::from(!change.durable);
            if fate == Fate::Lost {
                continue;
            }
            for (dir, name, inode) in &change.effects {
                set(dirs.entry(*dir).or_default(), name, *inode);
            }
        }
        let mut image = Image::new();
        self.lay(0, Path::new(""), &dirs, &contents, &mut image);
        image
    }

    fn contents(&self, fate_of: &dyn Fn(usize) -> Fate) -> HashMap<Inode, Vec<u8>> {
        let mut contents: HashMap<Inode, Vec<u8>> = HashMap::new();
        let mut pending = 0;
        for change in &self.data {
            let fate = if change.durable { Fate::Kept } else { fate_of(pending) };
            pending += usize::from(!change.durable);
            if fate == Fate::Lost {
                continue;
            }
            let base = || match &self.nodes[change.file] {
                Node::File { bytes, .. } => bytes.to_vec(),
                _ => Vec::new(),
            };
            apply_data(contents.entry(change.file).or_insert_with(base), &change.kind, fate);
        }
        contents
    }

    fn lay(
        &self,
        inode: Inode,
        at: &Path,
        dirs: &HashMap<Inode, BTreeMap<String, Inode>>,
        contents: &HashMap<Inode, Vec<u8>>,
        image: &mut Image,
    ) {
        match &self.nodes[inode] {
            Node::Dir { mode, .. } => {
                image.insert(at.to_owned(), Entry::Dir(*mode));
                for (name, child) in dirs.get(&inode).into_iter().flatten() {
                    self.lay(*child, &at.join(name), dirs, contents, image);
                }
            }
            Node::File { mode, bytes, .. } => {
                let bytes = contents.get(&inode).map_or_else(|| bytes.clone(), |bytes| Arc::new(bytes.clone()));
                image.insert(at.to_owned(), Entry::File(*mode, bytes, inode));
            }
            Node::Link { target } => {
                image.insert(at.to_owned(), Entry::Link(target.clone()));
            }
        }
    }
}

fn set(names: &mut BTreeMap<String, Inode>, name: &str, inode: Option<Inode>) {
    match inode {
        Some(inode) => names.insert(name.to_owned(), inode),
        None => names.remove(name),
    };
}

fn apply_data(content: &mut Vec<u8>, kind: &DataKind, fate: Fate) {
    let position = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    match kind {
        DataKind::Cut(len) => content.resize(position(*len), 0),
        DataKind::Write { at, bytes } => {
            let at = position(*at);
            let end = at + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            let kept = match fate {
                Fate::Torn(block) => (bytes.len() / 2) / position(block) * position(block),
                _ => bytes.len(),
            };
            if let (Some(to), Some(from)) = (content.get_mut(at..at + kept), bytes.get(..kept)) {
                to.copy_from_slice(from);
            }
        }
    }
}

/// Lays an image out below the directory `root`, which must be empty.
pub fn lay_out(image: &Image, root: &Path) -> anyhow::Result<()> {
    let mut first: HashMap<usize, PathBuf> = HashMap::new();
    for (path, entry) in image {
        let path = root.join(path);
        match entry {
            Entry::Dir(_) => fs::create_dir_all(&path)?,
            Entry::Link(target) => symlink(target, &path)?,
            Entry::File(_, _, inode) if first.contains_key(inode) => fs::hard_link(&first[inode], &path)?,
            Entry::File(mode, bytes, inode) => {
                fs::write(&path, bytes.as_slice())?;
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
                first.insert(*inode, path);
            }
        }
    }
    for (path, entry) in image {
        if let Entry::Dir(mode) = entry {
            fs::set_permissions(root.join(path), fs::Permissions::from_mode(*mode))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(change: Change) -> Step {
        Step { change, caller: "test".into() }
    }

    fn run(disk: &mut Disk, changes: Vec<Change>) {
        for change in changes {
            disk.apply(&step(change), &|_| false).unwrap();
        }
    }

    fn file(image: &Image, name: &str) -> Option<Vec<u8>> {
        match image.get(Path::new(name))? {
            Entry::File(_, bytes, _) => Some(bytes.to_vec()),
            _ => None,
        }
    }

    #[test]
    fn what_was_not_synced_may_be_lost_and_what_was_synced_is_not() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "old").unwrap();
        let mut disk = Disk::load(dir.path()).unwrap();
        let (temp, path, root) = (dir.path().join("t"), dir.path().join("a"), dir.path().to_owned());
        run(
            &mut disk,
            vec![
                Change::Create { path: temp.clone(), mode: 0o600 },
                Change::Write { path: temp.clone(), at: Some(0), bytes: b"new".to_vec() },
                Change::Rename { from: temp, to: path.clone() },
            ],
        );
        assert_eq!(disk.pending(), (2, 1));
        let none = disk.image(&|_| Fate::Lost, &|_| Fate::Lost);
        assert_eq!((file(&none, "a"), none.len()), (Some(b"old".to_vec()), 2));
        let names_only = disk.image(&|_| Fate::Kept, &|_| Fate::Lost);
        assert_eq!(file(&names_only, "a"), Some(Vec::new()), "renamed before its content was durable");
        let torn = disk.image(&|_| Fate::Kept, &|_| Fate::Torn(512));
        assert_eq!(file(&torn, "a"), Some(vec![0; 3]));
        run(
            &mut disk,
            vec![Change::SyncFile { path, why: "x".into() }, Change::SyncDir { path: root, why: "x".into() }],
        );
        assert_eq!(disk.pending(), (0, 0));
        let all = disk.image(&|_| Fate::Lost, &|_| Fate::Lost);
        assert_eq!((file(&all, "a"), all.len()), (Some(b"new".to_vec()), 2));
        let to = tempfile::tempdir().unwrap();
        lay_out(&all, to.path()).unwrap();
        assert_eq!(fs::read(to.path().join("a")).unwrap(), b"new");
    }

    #[test]
    fn a_sync_that_is_ignored_syncs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::load(dir.path()).unwrap();
        let create = step(Change::Create { path: dir.path().join("a"), mode: 0o600 });
        let sync = step(Change::SyncDir { path: dir.path().to_owned(), why: "x".into() });
        disk.apply(&create, &|_| true).unwrap();
        disk.apply(&sync, &|_| true).unwrap();
        assert_eq!(disk.pending(), (1, 0));
    }
}
