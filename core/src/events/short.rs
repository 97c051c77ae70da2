//! A short list without heap memory.

use std::ops::{Deref, DerefMut};

/// At most `N` items, stored in place. Further items are dropped.
#[derive(Debug, Clone, Copy)]
pub struct ShortList<T, const N: usize> {
    items: [T; N],
    length: usize,
}

impl<T: Copy + Default, const N: usize> Default for ShortList<T, N> {
    fn default() -> Self {
        Self { items: [T::default(); N], length: 0 }
    }
}

impl<T, const N: usize> ShortList<T, N> {
    /// Adds an item if there is room.
    pub fn push(&mut self, item: T) {
        if let Some(place) = self.items.get_mut(self.length) {
            *place = item;
            self.length += 1;
        }
    }

    /// Removes all items.
    pub fn clear(&mut self) {
        self.length = 0;
    }
}

impl<T, const N: usize> Deref for ShortList<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items[..self.length]
    }
}

impl<T, const N: usize> DerefMut for ShortList<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items[..self.length]
    }
}

impl<T: PartialEq, const N: usize> PartialEq for ShortList<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_beyond_the_room_are_left_out() {
        let mut list = ShortList::<u8, 2>::default();
        (1..4).for_each(|item| list.push(item));
        assert_eq!(*list, [1, 2]);
        list.clear();
        assert!(list.is_empty() && list == ShortList::default());
    }
}
