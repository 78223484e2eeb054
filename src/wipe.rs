//! Memory that is overwritten before it is given back.
//!
//! What this crate keeps of secrets and values wipes itself ([`zeroize`]). Libraries keep copies too, such as the window of an inflater or the scratch of a
//! parser; the allocator sees to those. Very large blocks are this crate's own tables, which hold neither: they are left to the system, which can
//! grow them without a copy.

use std::alloc::{GlobalAlloc, Layout, System};
use zeroize::Zeroize;

/// Blocks from here on are not wiped.
const LARGE: usize = 1024 * 1024;

pub(crate) struct Wiping;

// SAFETY: everything is handed on to the system's allocator, with the layouts as they came.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, of that size, and not used after this.
        unsafe {
            if layout.size() < LARGE {
                std::slice::from_raw_parts_mut(block.cast::<std::mem::MaybeUninit<u8>>(), layout.size()).zeroize();
            }
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises; the new layout differs in its size only, which the caller has checked.
        unsafe {
            if layout.size() >= LARGE {
                return System.realloc(block, layout, size);
            }
            let moved = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
