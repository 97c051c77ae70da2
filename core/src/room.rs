//! Reserves memory for lists that grow during a whole call.

/// Reserves memory for `ahead` items if there is room for fewer than half of them. Lists that
/// double their capacity need up to twice their size, and allocate at unpredictable times.
pub(crate) fn make_room<T>(list: &mut Vec<T>, ahead: usize) {
    if list.capacity() - list.len() < ahead / 2 {
        list.reserve_exact(ahead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_room_is_always_there() {
        let mut list = Vec::new();
        let mut made = 0;
        for item in 0..1000 {
            let before = list.capacity();
            make_room(&mut list, 100);
            made += u32::from(list.capacity() != before);
            assert!(list.capacity() - list.len() >= 50 && list.capacity() <= list.len() + 150);
            list.push(item);
        }
        assert!((10..=20).contains(&made), "{made}");
    }
}
