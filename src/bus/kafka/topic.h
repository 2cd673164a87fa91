#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace datasync::bus::kafka {

struct Topic {
  std::string name;
  int partitions = 1;
  bool is_exact = true;  ///< one that is there must have so many; else any number will do
};

/// Creates the topics that are not there yet, with the brokers' own replication, and looks at the others.
/// Errors: `kUnavailable` where no broker answers within `timeout`; `kInvalid`, with the remedy, for one that has
///         another number of partitions, does not take as much as a batch of ours has, or may not be created.
[[nodiscard]] Result<void> prepare_topics(const std::string& brokers, const std::vector<Topic>& topics,
                                          milliseconds timeout);

/// Looks whether these topics of others are there. Errors: `kUnavailable` as above; `kInvalid` for one that is not.
[[nodiscard]] Result<void> find_topics(const std::string& brokers, const std::vector<std::string>& names,
                                       milliseconds timeout);

}  // namespace datasync::bus::kafka
