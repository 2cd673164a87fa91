#include "storage/sqlite/page_cache.h"

#include <sqlite3.h>

#include <algorithm>
#include <new>

namespace datasync::storage::sqlite {
namespace {

/// The byte that SQLite locks lies in this page, which therefore holds nothing. The page size is 4096 (`configure`).
constexpr unsigned kLockPage = 0x40000000U / 4096U + 1U;

/// One cache. SQLite sees it as an opaque pointer.
struct Cache {
  sqlite3_pcache* own;   // SQLite's
  unsigned highest = 0;  // no page with a higher number is in it, but the lock page for a moment
};

/// Of SQLite's own cache; set once, before the first connection.
sqlite3_pcache_methods2 own_methods{};

Cache& ours(sqlite3_pcache* cache) {
  return *reinterpret_cast<Cache*>(cache);
}

int initialize(void*) {
  return own_methods.xInit(own_methods.pArg);
}
void shut_down(void*) {
  own_methods.xShutdown(own_methods.pArg);
}

sqlite3_pcache* create(int page_bytes, int extra_bytes, int purgeable) {
  sqlite3_pcache* own = own_methods.xCreate(page_bytes, extra_bytes, purgeable);
  if (own == nullptr) return nullptr;
  auto* cache = new (std::nothrow) Cache{own};
  if (cache == nullptr) own_methods.xDestroy(own);
  return reinterpret_cast<sqlite3_pcache*>(cache);
}

void set_size(sqlite3_pcache* cache, int pages) {
  own_methods.xCachesize(ours(cache).own, pages);
}
int count(sqlite3_pcache* cache) {
  return own_methods.xPagecount(ours(cache).own);
}

sqlite3_pcache_page* fetch(sqlite3_pcache* cache, unsigned key, int create_flag) {
  Cache& self = ours(cache);
  if (create_flag != 0) self.highest = std::max(self.highest, key);
  return own_methods.xFetch(self.own, key, create_flag);
}

void unpin(sqlite3_pcache* cache, sqlite3_pcache_page* page, int discard) {
  own_methods.xUnpin(ours(cache).own, page, discard);
}

void rekey(sqlite3_pcache* cache, sqlite3_pcache_page* page, unsigned old_key, unsigned new_key) {
  Cache& self = ours(cache);
  if (new_key != kLockPage) self.highest = std::max(self.highest, new_key);
  own_methods.xRekey(self.own, page, old_key, new_key);
}

void truncate(sqlite3_pcache* cache, unsigned limit) {
  Cache& self = ours(cache);
  if (limit > self.highest) return;
  own_methods.xTruncate(self.own, limit);
  self.highest = limit == 0 ? 0 : limit - 1;
}

void destroy(sqlite3_pcache* cache) {
  own_methods.xDestroy(ours(cache).own);
  delete &ours(cache);
}

void shrink(sqlite3_pcache* cache) {
  own_methods.xShrink(ours(cache).own);
}

}  // namespace

void install_page_cache() {
  if (sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &own_methods) != SQLITE_OK || own_methods.iVersion != 1) return;
  sqlite3_pcache_methods2 methods = own_methods;
  methods.pArg = nullptr;
  methods.xInit = initialize;
  methods.xShutdown = shut_down;
  methods.xCreate = create;
  methods.xCachesize = set_size;
  methods.xPagecount = count;
  methods.xFetch = fetch;
  methods.xUnpin = unpin;
  methods.xRekey = rekey;
  methods.xTruncate = truncate;
  methods.xDestroy = destroy;
  methods.xShrink = shrink;
  sqlite3_config(SQLITE_CONFIG_PCACHE2, &methods);
}

}  // namespace datasync::storage::sqlite
