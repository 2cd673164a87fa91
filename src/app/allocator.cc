// The binary's allocator is jemalloc: what an I/O thread allocates the engine's thread frees, a hundred times an event,
// and the system's allocator spent a fifth of an event's time on that. `cmake -DDATASYNC_JEMALLOC=OFF` puts the
// system's back: in one run `./dev bench` then showed 105 instead of 80 µs for an event in bulk, 129 instead of 101 for
// one by itself.

/// Read by jemalloc before `main`. Two arenas: the engine's thread and the others hardly meet, and each further one
/// keeps memory of its own. Memory that was given back goes to the system after a second: a burst is over then. Pages
/// of 2 MiB: an event touches two hundred places in memory that is far larger than what the processor can translate
/// from its own tables. In one run that was 48 instead of 57 µs for an event in bulk and 101 instead of 123 with 512
/// clients, for 7 % more memory.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0,thp:always,metadata_thp:always";
}
