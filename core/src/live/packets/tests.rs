use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

/// The line that packets make: their bytes, silence as 0.
fn line(packets: &[LivePacket<'_>], window: f64) -> (Vec<u8>, PacketCounts) {
    let mut order = PacketOrder::new(Rate::NARROWBAND, Millis(window), 1);
    let mut out = Vec::new();
    let mut take = |part: LinePart<'_>| {
        match part {
            LinePart::Payload(bytes) => out.extend_from_slice(bytes),
            LinePart::Silence(samples) => out.resize(out.len() + samples as usize, 0),
        }
        Ok(())
    };
    for packet in packets {
        order.push(*packet, &mut take).unwrap();
    }
    order.finish(&mut take).unwrap();
    (out, order.counts)
}

const FRAME: usize = 160;

/// Bytes that tell packets apart.
fn payloads(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| vec![(n % 250 + 1) as u8; FRAME]).collect()
}

/// Packet n of a stream whose numbers and times begin near their ends.
fn packet(payloads: &[Vec<u8>], n: usize) -> LivePacket<'_> {
    let (sequence, timestamp) = (65_530u16.wrapping_add(n as u16), (u32::MAX - 500).wrapping_add((n * FRAME) as u32));
    LivePacket { sequence, timestamp, payload: &payloads[n] }
}

#[test]
fn packets_in_order_are_the_line() {
    let all = payloads(20);
    let packets: Vec<_> = (0..20).map(|n| packet(&all, n)).collect();
    let (out, counts) = line(&packets, 1000.0);
    assert_eq!(out, all.concat());
    assert_eq!(counts, PacketCounts { received: 20, ..PacketCounts::default() });
    assert_eq!(counts.warning(), None);
}

#[test]
fn late_ones_come_in_their_place_and_twice_counts_once() {
    let all = payloads(8);
    let order = [0, 1, 3, 3, 2, 2, 6, 5, 4, 7, 0];
    let (out, counts) = line(&order.map(|n| packet(&all, n)), 1000.0);
    assert_eq!(out, all.concat());
    assert_eq!((counts.repeated, counts.reordered, counts.lost, counts.late), (3, 3, 0, 0));
}

#[test]
fn what_never_comes_is_silence_and_what_comes_after_the_window_is_late() {
    let all = payloads(12);
    let order = [0, 1, 4, 5, 6, 7, 8, 3, 9, 10, 11];
    let (out, counts) = line(&order.map(|n| packet(&all, n)), 60.0);
    let mut expected = all.concat();
    expected[2 * FRAME..4 * FRAME].fill(0);
    assert_eq!(out, expected);
    assert_eq!((counts.lost, counts.late, counts.pauses), (2, 1, 0));
    let said = counts.warning().unwrap();
    assert!(said.code == "packets_lost" && said.message.starts_with("2 of 12 packets"), "{}", said.message);
}

#[test]
fn a_jump_of_time_alone_is_a_pause() {
    let all = payloads(3);
    let mut packets = [0, 1, 2].map(|n| packet(&all, n));
    packets[2].timestamp = packets[2].timestamp.wrapping_add(8_000);
    let (out, counts) = line(&packets, 1000.0);
    assert_eq!(out, [all[..2].concat(), vec![0; 8_000], all[2].clone()].concat());
    assert_eq!((counts.pauses, counts.lost), (1, 0));
}

#[test]
fn a_clock_that_begins_anew_goes_on() {
    let all = payloads(4);
    let mut packets = [0, 1, 2, 3].map(|n| packet(&all, n));
    packets[2].timestamp = packets[1].timestamp.wrapping_sub(50_000);
    packets[3].timestamp = packets[2].timestamp.wrapping_add(FRAME as u32);
    let (out, counts) = line(&packets, 1000.0);
    assert_eq!((out, counts.restarts), (all.concat(), 1));
    packets[2].timestamp = packets[1].timestamp.wrapping_add(400_000_000);
    packets[3].timestamp = packets[2].timestamp.wrapping_add(FRAME as u32);
    assert_eq!(line(&packets, 1000.0).0, all.concat());
}

#[test]
fn packets_of_something_else_only_take_their_number() {
    let all = payloads(4);
    let mut packets = [0, 1, 2, 3].map(|n| packet(&all, n));
    packets[1].payload = &[];
    let mut expected = all.concat();
    expected[FRAME..2 * FRAME].fill(0);
    assert_eq!(line(&packets, 1000.0).0, expected);
}

#[test]
fn rtp_is_read_with_all_its_lists() {
    let head = |flags: u8| [&[flags, 0x80 | 11, 1, 2, 0, 0, 3, 4], &[9u8; 4][..]].concat();
    let plain = [head(0x80), vec![5, 6]].concat();
    let (packet, kind) = LivePacket::from_rtp(&plain).unwrap();
    assert_eq!((packet.sequence, packet.timestamp, packet.payload, kind), (258, 772, &[5u8, 6][..], 11));
    let full = [head(0xB2), vec![0; 8], vec![0, 0, 0, 1, 7, 7, 7, 7], vec![5, 6, 0, 0, 3]].concat();
    assert_eq!(LivePacket::from_rtp(&full).unwrap().0.payload, [5, 6]);
    let extension = [head(0x90), vec![0, 0, 0, 9]].concat();
    let padding = [head(0xA0), vec![9]].concat();
    let lists = head(0x8F);
    for wrong in [&plain[..11], &head(0x40), &extension, &padding, &lists, &head(0xA0), &[][..]] {
        assert_eq!(LivePacket::from_rtp(wrong).unwrap_err().kind(), ErrorKind::Malformed);
    }
}

proptest! {
    #[test]
    fn any_order_within_the_window_is_the_line(moves in prop::collection::vec(0usize..12, 200), twice in 0usize..200) {
        let all = payloads(200);
        // Each packet comes up to eleven later than sent.
        let mut order: Vec<usize> = (0..200).collect();
        order.sort_by_key(|&n| (if n == 0 { 0 } else { n + moves[n] }, n));
        order.push(twice);
        let packets: Vec<_> = order.iter().map(|&n| packet(&all, n)).collect();
        let (out, counts) = line(&packets, 1000.0);
        prop_assert_eq!(out, all.concat());
        prop_assert_eq!((counts.lost, counts.late, counts.repeated), (0, 0, 1));
    }

    #[test]
    fn any_packets_are_survived(
        packets in prop::collection::vec((any::<u16>(), any::<u32>(), 0usize..200), 0..300),
        window in 0.0f64..2000.0,
    ) {
        let bytes = [7u8; 200];
        let mut order = PacketOrder::new(Rate::NARROWBAND, Millis(window), 2);
        let (mut out, mut silence) = (0u64, 0u64);
        let mut take = |part: LinePart<'_>| {
            match part {
                LinePart::Payload(bytes) => out += bytes.len() as u64,
                LinePart::Silence(samples) => silence += samples,
            }
            Ok(())
        };
        for &(sequence, timestamp, length) in &packets {
            order.push(LivePacket { sequence, timestamp, payload: &bytes[..length] }, &mut take).unwrap();
        }
        order.finish(&mut take).unwrap();
        prop_assert!(order.waiting.is_empty() && order.given_up.len() <= MOST_WAITING);
    }
}
