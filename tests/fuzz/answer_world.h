#pragma once

// What the targets share that let platforms answer.

#include <string>
#include <string_view>
#include <vector>

#include "delivery/connector.h"
#include "fuzz.h"

namespace datasync::fuzz {

/// The credential of every connector here: whatever a platform answers, it stands in no message.
inline constexpr std::string_view kPlatformSecret = "s3cr3t/Tok+en";

/// An answer written as `status`, `Name: value` lines, an empty line and the body.
[[nodiscard]] net::ClientResponse answer_of(std::string_view text);

/// A change of every verb: sent for the first time and once more, with and without the platform's own id.
[[nodiscard]] std::vector<delivery::Change> changes_of(std::string_view entity, std::string_view data,
                                                       std::string_view target);

/// Lets the platform answer the same to a change until it is settled: that must come to an end.
void check_alone(const delivery::Connector& connector, const delivery::Change& change,
                 const net::ClientResponse& answer);
/// The same answer to several changes in one request.
void check_together(const delivery::Connector& connector, const std::vector<delivery::Change>& changes,
                    const net::ClientResponse& answer);

}  // namespace datasync::fuzz
