#pragma once

namespace datasync::storage::sqlite {

/// Puts a thin layer over SQLite's own page cache, for the whole process and before its first connection. After each
/// commit SQLite tells the cache to drop the pages beyond the end of the file. There are none, but a page that was
/// moved for a moment to the number of the lock page, as the balancing of a tree does, makes the cache believe so, and
/// it looks at every page that it holds: at 32 MiB a fifth of the time of a small commit. This layer knows better.
void install_page_cache();

}  // namespace datasync::storage::sqlite
