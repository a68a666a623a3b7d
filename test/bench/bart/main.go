// Measures the Go table bart on the dumps of the trie benchmark and prints a line of JSON for each,
// with the keys of ../trie.ts.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/gaissmai/bart"
)

const passes = 3

type dump struct {
	family   int
	prefixes []netip.Prefix
	hits     []netip.Addr
	random   []netip.Addr
}

func read(path string) (dump, error) {
	var d dump
	file, err := os.ReadFile(path)
	if err != nil {
		return d, err
	}
	if len(file) < 32 || string(file[:4]) != "LPM1" {
		return d, fmt.Errorf("%s is no LPM1 file", path)
	}
	field := func(at int) int { return int(binary.LittleEndian.Uint32(file[at:])) }
	d.family = field(4)
	n, h, r := field(8), field(12), field(16)
	width := 4
	if d.family == 6 {
		width = 16
	}
	at := 32
	take := func(count int) []netip.Addr {
		taken := make([]netip.Addr, count)
		for i := range taken {
			taken[i], _ = netip.AddrFromSlice(file[at : at+width])
			at += width
		}
		return taken
	}
	addresses := take(n)
	d.prefixes = make([]netip.Prefix, n)
	for i := range addresses {
		d.prefixes[i] = netip.PrefixFrom(addresses[i], int(file[at+i]))
	}
	at += (n + 3) &^ 3
	d.hits = take(h)
	d.random = take(r)
	return d, nil
}

type timing struct {
	Best   float64 `json:"best"`
	Median float64 `json:"median"`
}

const slicesOfPass = 200

// timer takes the times of many passes over count operations. The best is the sum of each slice's best pass.
type timer struct {
	count  int
	best   [slicesOfPass]float64
	passes []float64
}

func (t *timer) pass(run func(from, to int)) {
	whole := 0.0
	for slice := range slicesOfPass {
		from, to := slice*t.count/slicesOfPass, (slice+1)*t.count/slicesOfPass
		start := time.Now()
		run(from, to)
		took := float64(time.Since(start).Nanoseconds())
		whole += took
		if len(t.passes) == 0 || took < t.best[slice] {
			t.best[slice] = took
		}
	}
	t.passes = append(t.passes, whole)
}

// whole is a pass in one slice.
func (t *timer) whole(run func()) {
	start := time.Now()
	run()
	took := float64(time.Since(start).Nanoseconds())
	if len(t.passes) == 0 || took < t.best[0] {
		t.best[0] = took
	}
	t.passes = append(t.passes, took)
}

func (t *timer) result() timing {
	best := 0.0
	for _, ns := range t.best {
		best += ns
	}
	slices.Sort(t.passes)
	round := func(ns float64) float64 { return float64(int(ns/float64(t.count)*10+0.5)) / 10 }
	return timing{round(best), round(t.passes[len(t.passes)/2])}
}

func repeated(count int, run func(from, to int)) timing {
	t := timer{count: count}
	for range passes {
		t.pass(run)
	}
	return t.result()
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// What a loop computes goes here, so that the loop is not optimized away.
var sink uint32

func measure(path string) (map[string]any, error) {
	d, err := read(path)
	if err != nil {
		return nil, err
	}
	n := len(d.prefixes)
	insertAll := func(table *bart.Table[uint32], from, to int) {
		for i := from; i < to; i++ {
			table.Insert(d.prefixes[i], uint32(i))
		}
	}
	inserts, withdraws := timer{count: n}, timer{count: n}
	for range passes {
		table := new(bart.Table[uint32])
		inserts.pass(func(from, to int) { insertAll(table, from, to) })
		withdraws.pass(func(from, to int) {
			for _, prefix := range d.prefixes[from:to] {
				table.Delete(prefix)
			}
		})
	}
	before := heap()
	table := new(bart.Table[uint32])
	insertAll(table, 0, n)
	bytes := heap() - before

	lookups := func(keys []netip.Addr) func(from, to int) {
		return func(from, to int) {
			var sum uint32
			for i := from; i < to; i++ {
				value, _ := table.Lookup(keys[i])
				sum += value
			}
			sink += sum
		}
	}
	iterations := timer{count: n}
	for range passes {
		iterations.whole(func() {
			for _, value := range table.AllSorted() {
				sink += value
			}
		})
	}
	out := map[string]any{
		"table": filepath.Base(path), "program": "bart", "n": n,
		"insert_ns": inserts.result(),
		"delete_ns": withdraws.result(),
		"exact_get_ns": repeated(n, func(from, to int) {
			for i := from; i < to; i++ {
				value, _ := table.Get(d.prefixes[i])
				sink += value
			}
		}),
		"update_ns":      repeated(n, func(from, to int) { insertAll(table, from, to) }),
		"lookup_hit_ns":  repeated(len(d.hits), lookups(d.hits)),
		"lookup_rand_ns": repeated(len(d.random), lookups(d.random)),
		"lookup_dependent_ns": repeated(len(d.hits), func(from, to int) {
			var value uint32
			for i := from; i < to; i++ {
				value, _ = table.Lookup(d.hits[i+int(value>>31)])
			}
			sink += value
		}),
		"iterate_sorted_ns": iterations.result(),
		"bytes_per_prefix":  float64(bytes*10/uint64(n)) / 10,
	}
	sumOf := func(keys []netip.Addr) uint32 {
		var sum uint32
		for i := range keys {
			value, ok := table.Lookup(keys[i])
			sum *= 31
			if ok {
				sum += value + 1
			}
		}
		return sum
	}
	out["sum_hit"], out["sum_rand"] = sumOf(d.hits), sumOf(d.random)
	var sorted uint32
	for _, value := range table.AllSorted() {
		sorted = sorted*31 + value + 1
	}
	out["sum_sorted"] = sorted
	for i := 1; i < n; i += 2 {
		table.Delete(d.prefixes[i])
	}
	out["sum_hit_half"], out["sum_rand_half"] = sumOf(d.hits), sumOf(d.random)
	return out, nil
}

func main() {
	for _, path := range os.Args[1:] {
		figures, err := measure(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		line, _ := json.Marshal(figures)
		fmt.Println(string(line))
	}
}
