//! A heap that wipes what is given back, whoever held it: parsers of other crates keep pieces of secrets in strings of their own.
//!
//! The one place with `unsafe` code: an allocator cannot be written without. It hands everything on to the system's allocator, and
//! SQLite's heap is brought under it. Stacks and registers are beyond its reach.

#![expect(
    unsafe_code,
    reason = "an allocator is made of it; read line by line, and nothing else is here"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_int, c_void};
use std::sync::Once;

use rusqlite::ffi;

/// An allocator whose blocks are wiped before they go back to it.
///
/// Growing always moves: where the system moved a block it would leave the old one as it was.
pub struct Wiping<A = System>(A);

impl Wiping {
    /// Over the system's allocator.
    pub const SYSTEM: Self = Self(System);
}

// SAFETY: every call goes to `A` with what its caller promised; `realloc` is the trait's own, made of the others.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Wiping<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block was allocated with this layout, and its owner has given it up.
        unsafe {
            block.write_bytes(0, layout.size());
            // Writes to a block that is about to go would otherwise be dropped as dead.
            zeroize::optimization_barrier(&block);
            self.0.dealloc(block, layout);
        }
    }
}

/// Lets SQLite take its memory from the program's allocator. To be called before the first database is opened; later calls do
/// nothing.
pub(crate) fn sqlite_heap() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let methods = ffi::sqlite3_mem_methods {
            xMalloc: Some(sqlite::allocate),
            xFree: Some(sqlite::free),
            xRealloc: Some(sqlite::reallocate),
            xSize: Some(sqlite::size),
            xRoundup: Some(sqlite::round_up),
            xInit: Some(sqlite::start),
            xShutdown: Some(sqlite::stop),
            pAppData: std::ptr::null_mut(),
        };
        // SAFETY: the option takes one pointer to such a table, which SQLite copies. Once it is initialised it refuses the call, and
        // keeps the heap it has.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods) };
    });
}

/// <https://sqlite.org/c3ref/mem_methods.html>: SQLite does not say how large a block is when it gives it back, so that stands
/// before it.
mod sqlite {
    use super::{Layout, c_int, c_void};

    /// Room for the size; keeps what follows aligned for anything SQLite stores.
    const HEAD: usize = 16;

    fn layout(size: usize) -> Option<Layout> {
        Layout::from_size_align(size.checked_add(HEAD)?, HEAD).ok()
    }

    pub(super) unsafe extern "C" fn allocate(size: c_int) -> *mut c_void {
        let Some((size, layout)) =
            usize::try_from(size).ok().and_then(|size| Some((size, layout(size)?)))
        else {
            return std::ptr::null_mut();
        };
        // SAFETY: the layout has at least the head's size; the head is aligned and within the block.
        unsafe {
            let block = std::alloc::alloc(layout);
            if block.is_null() {
                return std::ptr::null_mut();
            }
            block.cast::<usize>().write_unaligned(size);
            block.add(HEAD).cast()
        }
    }

    /// # Safety
    /// `memory` is from [`allocate`], and not given back.
    unsafe fn size_of(memory: *mut c_void) -> usize {
        // SAFETY: the head lies before what was handed out.
        unsafe { memory.cast::<u8>().sub(HEAD).cast::<usize>().read_unaligned() }
    }

    pub(super) unsafe extern "C" fn free(memory: *mut c_void) {
        if memory.is_null() {
            return;
        }
        // SAFETY: SQLite gives back what it got, once; the layout is the one it was allocated with.
        unsafe {
            if let Some(layout) = layout(size_of(memory)) {
                std::alloc::dealloc(memory.cast::<u8>().sub(HEAD), layout);
            }
        }
    }

    pub(super) unsafe extern "C" fn reallocate(memory: *mut c_void, size: c_int) -> *mut c_void {
        // SAFETY: SQLite hands in what it got. The blocks are two, and as long as what is copied.
        unsafe {
            let moved = allocate(size);
            if !moved.is_null() && !memory.is_null() {
                let kept = size_of(memory).min(size_of(moved));
                moved.cast::<u8>().copy_from_nonoverlapping(memory.cast(), kept);
                free(memory);
            }
            moved
        }
    }

    pub(super) unsafe extern "C" fn size(memory: *mut c_void) -> c_int {
        if memory.is_null() {
            return 0;
        }
        // SAFETY: SQLite asks about what it got.
        c_int::try_from(unsafe { size_of(memory) }).unwrap_or(c_int::MAX)
    }

    pub(super) unsafe extern "C" fn round_up(size: c_int) -> c_int {
        size.checked_add(7).map_or(size, |size| size & !7)
    }

    pub(super) unsafe extern "C" fn start(_: *mut c_void) -> c_int {
        rusqlite::ffi::SQLITE_OK
    }

    pub(super) unsafe extern "C" fn stop(_: *mut c_void) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at what it is given back.
    struct Witness;

    // SAFETY: all is the system's.
    unsafe impl GlobalAlloc for Witness {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: as promised by the caller.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the block is still there, and was zeroed when it was handed out.
            let left = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            assert!(left.iter().all(|byte| *byte == 0), "{left:?}");
            // SAFETY: as promised by the caller.
            unsafe { System.dealloc(block, layout) }
        }
    }

    #[test]
    fn what_is_given_back_is_wiped() {
        let heap = Wiping(Witness);
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        // SAFETY: blocks are as long as what is written, and each is given back once.
        unsafe {
            let block = heap.alloc(layout(64));
            block.write_bytes(b's', 64);
            let grown = heap.realloc(block, layout(64), 128);
            assert_eq!(grown.add(63).read(), b's');
            let shrunk = heap.realloc(grown, layout(128), 32);
            assert_eq!(shrunk.add(31).read(), b's');
            heap.dealloc(shrunk, layout(32));
        }
    }

    #[test]
    fn sqlite_blocks_grow_and_know_their_size() {
        // SAFETY: as SQLite calls them.
        unsafe {
            let block = sqlite::allocate(10);
            block.cast::<u8>().write_bytes(7, 10);
            let grown = sqlite::reallocate(block, 1000);
            assert_eq!((sqlite::size(grown), grown.cast::<u8>().add(9).read()), (1000, 7));
            let shrunk = sqlite::reallocate(grown, 5);
            assert_eq!((sqlite::size(shrunk), shrunk.cast::<u8>().add(4).read()), (5, 7));
            sqlite::free(shrunk);
            sqlite::free(std::ptr::null_mut());
            assert!(sqlite::allocate(-1).is_null());
            assert_eq!((sqlite::round_up(9), sqlite::round_up(c_int::MAX)), (16, c_int::MAX));
        }
    }
}
