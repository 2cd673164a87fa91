#include "storage/sqlite/wal_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

namespace datasync::storage::sqlite {
namespace {

/// More than the largest usual transaction; a longer one is written in several pieces.
constexpr std::size_t kBufferBytesMax = 1U << 20U;
/// SQLite's own layer for files cuts the size of a write to its low 17 bits, since it never writes more than a page
/// itself.
constexpr std::size_t kWriteBytesMax = 64U << 10U;

/// The write-ahead log. SQLite gives the memory: this struct first, then that of the file below.
struct WalFile : sqlite3_file {
  std::string* pending;      // written by SQLite, not yet by us
  sqlite3_int64 pending_at;  // where in the file it belongs
  [[nodiscard]] sqlite3_file* below() noexcept { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

WalFile& wal(sqlite3_file* file) {
  return *static_cast<WalFile*>(file);
}

int flush(WalFile& file) {
  if (file.pending->empty()) return SQLITE_OK;
  sqlite3_file* below = file.below();
  int code = SQLITE_OK;
  for (std::size_t done = 0; done < file.pending->size() && code == SQLITE_OK; done += kWriteBytesMax) {
    const std::size_t size = std::min(kWriteBytesMax, file.pending->size() - done);
    code = below->pMethods->xWrite(below, file.pending->data() + done, static_cast<int>(size),
                                   file.pending_at + static_cast<sqlite3_int64>(done));
  }
  // Gone even after a failure: SQLite gives the transaction up and writes this part of the log anew.
  file.pending->clear();
  return code;
}

int close(sqlite3_file* file) {
  WalFile& self = wal(file);
  const int flushed = flush(self);
  const int closed = self.below()->pMethods->xClose(self.below());
  delete self.pending;
  return flushed != SQLITE_OK ? flushed : closed;
}

int read(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  WalFile& self = wal(file);
  if (const int code = flush(self); code != SQLITE_OK) return code;
  return self.below()->pMethods->xRead(self.below(), out, size, at);
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  WalFile& self = wal(file);
  const bool follows = at == self.pending_at + static_cast<sqlite3_int64>(self.pending->size());
  if (!follows || self.pending->size() >= kBufferBytesMax) {
    if (const int code = flush(self); code != SQLITE_OK) return code;
  }
  if (self.pending->empty()) self.pending_at = at;
  try {
    self.pending->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
  return SQLITE_OK;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  WalFile& self = wal(file);
  if (const int code = flush(self); code != SQLITE_OK) return code;
  return self.below()->pMethods->xTruncate(self.below(), size);
}

int sync(sqlite3_file* file, int flags) {
  WalFile& self = wal(file);
  if (const int code = flush(self); code != SQLITE_OK) return code;
  return self.below()->pMethods->xSync(self.below(), flags);
}

int file_size(sqlite3_file* file, sqlite3_int64* out) {
  WalFile& self = wal(file);
  if (const int code = flush(self); code != SQLITE_OK) return code;
  return self.below()->pMethods->xFileSize(self.below(), out);
}

int lock(sqlite3_file* file, int level) {
  return wal(file).below()->pMethods->xLock(wal(file).below(), level);
}
int unlock(sqlite3_file* file, int level) {
  return wal(file).below()->pMethods->xUnlock(wal(file).below(), level);
}
int check_lock(sqlite3_file* file, int* out) {
  return wal(file).below()->pMethods->xCheckReservedLock(wal(file).below(), out);
}
int control(sqlite3_file* file, int operation, void* argument) {
  return wal(file).below()->pMethods->xFileControl(wal(file).below(), operation, argument);
}
int sector_size(sqlite3_file* file) {
  return wal(file).below()->pMethods->xSectorSize(wal(file).below());
}
int traits(sqlite3_file* file) {
  return wal(file).below()->pMethods->xDeviceCharacteristics(wal(file).below());
}

constexpr sqlite3_io_methods make_methods() {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;  // no shared memory and no mapping: SQLite asks the database file for those
  methods.xClose = close;
  methods.xRead = read;
  methods.xWrite = write;
  methods.xTruncate = truncate;
  methods.xSync = sync;
  methods.xFileSize = file_size;
  methods.xLock = lock;
  methods.xUnlock = unlock;
  methods.xCheckReservedLock = check_lock;
  methods.xFileControl = control;
  methods.xSectorSize = sector_size;
  methods.xDeviceCharacteristics = traits;
  return methods;
}
constexpr sqlite3_io_methods kMethods = make_methods();

sqlite3_vfs* base_of(sqlite3_vfs* vfs) {
  return static_cast<sqlite3_vfs*>(vfs->pAppData);
}

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  sqlite3_vfs* base = base_of(vfs);
  if ((flags & SQLITE_OPEN_WAL) == 0) return base->xOpen(base, name, file, flags, flags_out);
  WalFile& self = wal(file);
  self.pMethods = nullptr;
  const int code = base->xOpen(base, name, self.below(), flags, flags_out);
  if (code != SQLITE_OK) return code;
  self.pending = new std::string;
  self.pending_at = 0;
  self.pMethods = &kMethods;
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  return base_of(vfs)->xDelete(base_of(vfs), name, sync_folder);
}
int access(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  return base_of(vfs)->xAccess(base_of(vfs), name, flags, out);
}
int full_path(sqlite3_vfs* vfs, const char* name, int size, char* out) {
  return base_of(vfs)->xFullPathname(base_of(vfs), name, size, out);
}

/// SQLite keeps a list of file systems for the whole process, so these live as long.
struct Registered {
  std::string name;
  sqlite3_vfs vfs{};
};

}  // namespace

Result<std::string> wal_vfs_over(const std::string& base_name) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Registered>> registered;
  sqlite3_vfs* base = sqlite3_vfs_find(base_name.empty() ? nullptr : base_name.c_str());
  if (base == nullptr) return fail(ErrorCode::kInternal, "SQLite has no such file system", base_name);
  const std::lock_guard lock(mutex);
  auto& entry = registered[base->zName];
  if (!entry) {
    entry = std::make_unique<Registered>();
    entry->name = std::string("data-sync over ") + base->zName;
    entry->vfs = *base;
    entry->vfs.zName = entry->name.c_str();
    entry->vfs.pNext = nullptr;
    entry->vfs.pAppData = base;
    entry->vfs.szOsFile = static_cast<int>(sizeof(WalFile)) + base->szOsFile;
    entry->vfs.xOpen = open;
    entry->vfs.xDelete = remove;
    entry->vfs.xAccess = access;
    entry->vfs.xFullPathname = full_path;
    sqlite3_vfs_register(&entry->vfs, 0);
  }
  return entry->name;
}

}  // namespace datasync::storage::sqlite
