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

const passes = 5

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

func timingOf(times []float64) timing {
	slices.Sort(times)
	round := func(ns float64) float64 { return float64(int(ns*10+0.5)) / 10 }
	return timing{round(times[0]), round(times[len(times)/2])}
}

func timed(count int, run func()) float64 {
	start := time.Now()
	run()
	return float64(time.Since(start).Nanoseconds()) / float64(count)
}

func repeated(count int, run func()) timing {
	times := make([]float64, passes)
	for i := range times {
		times[i] = timed(count, run)
	}
	return timingOf(times)
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
	insertAll := func(table *bart.Table[uint32]) {
		for i, prefix := range d.prefixes {
			table.Insert(prefix, uint32(i))
		}
	}
	var inserts, withdraws []float64
	for range passes {
		table := new(bart.Table[uint32])
		inserts = append(inserts, timed(n, func() { insertAll(table) }))
		withdraws = append(withdraws, timed(n, func() {
			for _, prefix := range d.prefixes {
				table.Delete(prefix)
			}
		}))
	}
	before := heap()
	table := new(bart.Table[uint32])
	insertAll(table)
	bytes := heap() - before

	lookups := func(keys []netip.Addr) func() {
		return func() {
			var sum uint32
			for i := range keys {
				value, _ := table.Lookup(keys[i])
				sum += value
			}
			sink += sum
		}
	}
	out := map[string]any{
		"table": filepath.Base(path), "program": "bart", "n": n,
		"insert_ns": timingOf(inserts),
		"delete_ns": timingOf(withdraws),
		"exact_get_ns": repeated(n, func() {
			for i := range d.prefixes {
				value, _ := table.Get(d.prefixes[i])
				sink += value
			}
		}),
		"update_ns":      repeated(n, func() { insertAll(table) }),
		"lookup_hit_ns":  repeated(len(d.hits), lookups(d.hits)),
		"lookup_rand_ns": repeated(len(d.random), lookups(d.random)),
		"lookup_dependent_ns": repeated(len(d.hits), func() {
			var value uint32
			for i := range d.hits {
				value, _ = table.Lookup(d.hits[i+int(value>>31)])
			}
			sink += value
		}),
		"iterate_sorted_ns": repeated(n, func() {
			for _, value := range table.AllSorted() {
				sink += value
			}
		}),
		"bytes_per_prefix": float64(bytes*10/uint64(n)) / 10,
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
