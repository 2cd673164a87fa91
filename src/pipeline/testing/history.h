#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace datasync::pipeline {

/// What kind of a story a seed tells.
enum class HistoryKind : std::uint8_t {
  kCalm,        ///< one change after the other, each to the end: compared with a simple model
  kWild,        ///< people act at once, the network misbehaves
  kCrashes,     ///< and the process ends at any moment
  kStoreFails,  ///< and the store refuses, or writes and does not say so
  kLittleRoom,  ///< crashes, outages, and memory for a handful of events: the rest waits in the store
  kReviews,     ///< any of these, and fields that wait for a person, who decides at random moments
};

struct HistoryReport {
  std::vector<std::string> broken;  ///< the promises that did not hold; empty if all did
  std::size_t events = 0;
  std::size_t requests = 0;
  std::size_t conflicts = 0;
  std::size_t crashes = 0;
  std::size_t refused = 0;    ///< accepts that the store refused
  std::size_t reworded = 0;   ///< requests that said something else under a known key; only after a restart
  std::size_t garbled = 0;    ///< answers that nobody can read
  std::size_t dead = 0;       ///< events that had to be redriven
  std::size_t set_aside = 0;  ///< events that waited in the store, looked at after each act
  std::size_t decided = 0;    ///< reviews that the person decided
  std::size_t undone = 0;     ///< events that were taken back
  std::size_t merged = 0;     ///< records that were merged
  std::size_t parted = 0;     ///< and parted
};

/// Tells the story of `seed`: two to five platforms, their users' changes, deletes and re-creations, events that are
/// late, doubled or whole objects. Then all becomes calm, and what must hold at rest is checked.
[[nodiscard]] HistoryReport run_history(HistoryKind kind, std::uint64_t seed);

}  // namespace datasync::pipeline
