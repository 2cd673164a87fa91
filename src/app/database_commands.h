#pragma once

#include "cli/cli.h"

namespace datasync::app {

// The commands about the database itself. Each returns the exit code.

/// `data-sync migrate`: brings the database's schema up to date.
int migrate(const cli::MigrateOptions& options);
/// `data-sync backup`: copies the database into a file.
int backup(const cli::BackupOptions& options);
/// `data-sync restore`: makes the database from such a file.
int restore(const cli::RestoreOptions& options);
/// `data-sync export`: writes all that the database holds as lines of JSON.
int export_contents(const cli::ExportOptions& options);
/// `data-sync import`: fills an empty database from such lines.
int import_contents(const cli::ImportOptions& options);

}  // namespace datasync::app
