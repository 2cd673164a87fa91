#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/services.h"
#include "app/config_section.h"
#include "app/config_tree.h"
#include "app/settings.h"
#include "pipeline/catalog.h"

namespace datasync::app {

/// What one proposal's conflict rules may take, all calls together: a preview holds a query thread that long at most.
inline constexpr milliseconds kProposalScriptsMax{1'000};
/// The longest proposal of a client.
inline constexpr std::size_t kProposalBytesMax = 128 * 1024;

/// A proposal of a client, laid over what is in force; see `api::Propose`.
[[nodiscard]] tl::expected<std::shared_ptr<const pipeline::Catalog>, std::vector<api::FieldError>> propose(
    const Settings& settings, const Value& proposal);

/// The pointer to `path` (`conflict_rules.lead.fields`) in the proposal, as far as it is written there.
[[nodiscard]] std::string pointer_to(const ConfigNode& proposal, std::string_view path);

}  // namespace datasync::app
