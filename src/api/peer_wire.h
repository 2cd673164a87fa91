#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/engine.h"
#include "pipeline/notice.h"

namespace datasync::api {

/// What one instance asks of another: the calls of `Backend` as bytes. Both run the same version, or neighbours: the
/// first byte names the format, and one that is not known is refused.
struct PeerAccept {
  std::vector<pipeline::Submission> submissions;
};
struct PeerRedrive {
  storage::Reader::Tenants tenants;
  std::string event_id;  ///< one event; empty: all that match `filter`
  storage::Reader::EventFilter filter;
};
/// What has become durable there, for the clients that listen here; without the events' data.
struct PeerNotices {
  std::vector<pipeline::Notice> notices;
  bool has_gap = false;  ///< some before these could not be told
};
using PeerCall = std::variant<PeerAccept, PeerRedrive, pipeline::ReviewDecision, pipeline::UndoRequest,
                              pipeline::MergeRequest, PeerNotices>;

[[nodiscard]] std::string encode_call(const PeerCall& call);
/// Errors: `kCorrupt`.
[[nodiscard]] Result<PeerCall> decode_call(std::string_view bytes);

using Receipts = std::vector<pipeline::Receipt>;
[[nodiscard]] std::string encode_answer(const Result<Receipts>& answer);
/// In the words that it knows: what is too large is refused.
[[nodiscard]] Result<Receipts> for_earlier_version(Result<Receipts> receipts);
[[nodiscard]] std::string encode_answer(const Result<pipeline::Redriven>& answer);
[[nodiscard]] std::string encode_answer(const Result<Conflict>& answer);
[[nodiscard]] std::string encode_answer(const Result<EventId>& answer);
[[nodiscard]] std::string encode_answer(const Result<pipeline::Merged>& answer);

/// What was encoded: a value, or the error that the other instance answered. Errors besides: `kCorrupt`.
template <typename T>
[[nodiscard]] Result<T> decode_answer(std::string_view bytes);
template <>
[[nodiscard]] Result<Receipts> decode_answer(std::string_view bytes);
template <>
[[nodiscard]] Result<pipeline::Redriven> decode_answer(std::string_view bytes);
template <>
[[nodiscard]] Result<Conflict> decode_answer(std::string_view bytes);
template <>
[[nodiscard]] Result<EventId> decode_answer(std::string_view bytes);
template <>
[[nodiscard]] Result<pipeline::Merged> decode_answer(std::string_view bytes);

}  // namespace datasync::api
