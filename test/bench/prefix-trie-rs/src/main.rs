//! Measures the Rust table prefix-trie on the dumps of the trie benchmark and prints a line of JSON for each,
//! with the keys of ../trie.ts.
use prefix_trie::{Prefix, PrefixMap};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const PASSES: usize = 3;

/// Counts the bytes of live allocations.
struct Counting;
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Dump<A> {
    prefixes: Vec<(A, u8)>,
    hits: Vec<(A, u8)>,
    random: Vec<(A, u8)>,
}

fn field(file: &[u8], at: usize) -> usize {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize
}

fn read<A>(file: &[u8], width: usize, address: fn(&[u8]) -> A) -> Dump<A> {
    let mut at = 32;
    let mut take = |count: usize| -> Vec<A> {
        let taken = file[at..at + count * width].chunks(width).map(address).collect();
        at += count * width;
        taken
    };
    let n = field(file, 8);
    let addresses = take(n);
    let lengths_at = 32 + n * width;
    at = lengths_at + n.next_multiple_of(4);
    let mut keys = |count: usize| -> Vec<(A, u8)> {
        let taken = file[at..at + count * width].chunks(width).map(|a| (address(a), width as u8 * 8)).collect();
        at += count * width;
        taken
    };
    let prefixes = addresses.into_iter().zip(file[lengths_at..].iter().copied()).collect();
    Dump { prefixes, hits: keys(field(file, 12)), random: keys(field(file, 16)) }
}

const SLICES: usize = 200;

/// Times of many passes over `count` operations. The best is the sum of each slice's best pass.
struct Timer {
    count: usize,
    best: [f64; SLICES],
    passes: Vec<f64>,
}

impl Timer {
    fn new(count: usize) -> Self {
        Timer { count, best: [f64::INFINITY; SLICES], passes: vec![] }
    }

    fn pass(&mut self, mut run: impl FnMut(std::ops::Range<usize>)) {
        let mut whole = 0.0;
        for slice in 0..SLICES {
            let range = slice * self.count / SLICES..(slice + 1) * self.count / SLICES;
            let start = Instant::now();
            run(range);
            let took = start.elapsed().as_nanos() as f64;
            whole += took;
            self.best[slice] = self.best[slice].min(took);
        }
        self.passes.push(whole);
    }

    /// A pass in one slice.
    fn whole(&mut self, run: impl FnOnce()) {
        let start = Instant::now();
        run();
        let took = start.elapsed().as_nanos() as f64;
        self.best[1..].fill(0.0);
        self.best[0] = self.best[0].min(took);
        self.passes.push(took);
    }

    fn result(mut self) -> String {
        self.passes.sort_by(f64::total_cmp);
        let count = self.count as f64;
        let best = self.best.iter().sum::<f64>() / count;
        format!("{{\"best\":{best:.1},\"median\":{:.1}}}", self.passes[self.passes.len() / 2] / count)
    }
}

fn repeated(count: usize, mut run: impl FnMut(std::ops::Range<usize>)) -> String {
    let mut timer = Timer::new(count);
    for _ in 0..PASSES {
        timer.pass(&mut run);
    }
    timer.result()
}

fn checksum(sum: u32, value: Option<u32>) -> u32 {
    sum.wrapping_mul(31).wrapping_add(value.map_or(0, |v| v + 1))
}

fn measure<A: Copy>(path: &str, dump: Dump<A>)
where
    (A, u8): Prefix,
{
    let n = dump.prefixes.len();
    let insert_all = |map: &mut PrefixMap<(A, u8), u32>, range: std::ops::Range<usize>| {
        for i in range {
            map.insert(dump.prefixes[i], i as u32);
        }
    };
    let (mut inserts, mut withdraws) = (Timer::new(n), Timer::new(n));
    for _ in 0..PASSES {
        let mut map = PrefixMap::new();
        inserts.pass(|range| insert_all(&mut map, range));
        withdraws.pass(|range| {
            for prefix in &dump.prefixes[range] {
                black_box(map.remove(prefix));
            }
        });
    }
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let mut map = PrefixMap::new();
    insert_all(&mut map, 0..n);
    let bytes = LIVE_BYTES.load(Ordering::Relaxed) - before;

    let lookups = |map: &PrefixMap<(A, u8), u32>, keys: &[(A, u8)]| {
        let mut sum = 0u32;
        for key in keys {
            sum = sum.wrapping_add(map.get_lpm(key).map_or(0, |(_, value)| *value));
        }
        black_box(sum);
    };
    let sum_of = |map: &PrefixMap<(A, u8), u32>, keys: &[(A, u8)]| {
        keys.iter().fold(0, |sum, key| checksum(sum, map.get_lpm(key).map(|(_, value)| *value)))
    };
    let exact = repeated(n, |range| {
        for prefix in &dump.prefixes[range] {
            black_box(map.get(prefix));
        }
    });
    let update = repeated(n, |range| insert_all(&mut map, range));
    let hit = repeated(dump.hits.len(), |range| lookups(&map, &dump.hits[range]));
    let rand = repeated(dump.random.len(), |range| lookups(&map, &dump.random[range]));
    let dependent = repeated(dump.hits.len(), |range| {
        let mut value = 0u32;
        for i in range {
            value = map.get_lpm(&dump.hits[i + (value >> 31) as usize]).map_or(0, |(_, value)| *value);
        }
        black_box(value);
    });
    let mut iterations = Timer::new(n);
    for _ in 0..PASSES {
        iterations.whole(|| {
            black_box(map.values().fold(0u32, |sum, value| sum.wrapping_add(*value)));
        });
    }
    let (sum_hit, sum_rand) = (sum_of(&map, &dump.hits), sum_of(&map, &dump.random));
    let sum_sorted = map.values().fold(0, |sum, value| checksum(sum, Some(*value)));
    for prefix in dump.prefixes.iter().skip(1).step_by(2) {
        map.remove(prefix);
    }
    let (sum_hit_half, sum_rand_half) = (sum_of(&map, &dump.hits), sum_of(&map, &dump.random));
    let table = path.rsplit('/').next().unwrap();
    println!(
        "{{\"table\":\"{table}\",\"program\":\"prefix-trie\",\"n\":{n},\"insert_ns\":{},\"delete_ns\":{},\
         \"exact_get_ns\":{exact},\"update_ns\":{update},\"lookup_hit_ns\":{hit},\"lookup_rand_ns\":{rand},\
         \"lookup_dependent_ns\":{dependent},\"iterate_sorted_ns\":{},\"bytes_per_prefix\":{:.1},\
         \"sum_hit\":{sum_hit},\"sum_rand\":{sum_rand},\"sum_hit_half\":{sum_hit_half},\
         \"sum_rand_half\":{sum_rand_half},\"sum_sorted\":{sum_sorted}}}",
        inserts.result(),
        withdraws.result(),
        iterations.result(),
        bytes as f64 / n as f64,
    );
}

fn main() {
    for path in std::env::args().skip(1) {
        let file = std::fs::read(&path).expect("readable dump");
        assert!(file.starts_with(b"LPM1"), "{path} is no LPM1 file");
        if field(&file, 4) == 4 {
            measure(&path, read(&file, 4, |a| u32::from_be_bytes(a.try_into().unwrap())));
        } else {
            measure(&path, read(&file, 16, |a| u128::from_be_bytes(a.try_into().unwrap())));
        }
    }
}
