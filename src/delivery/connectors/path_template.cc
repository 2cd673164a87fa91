#include "delivery/connectors/path_template.h"

#include <algorithm>

#include "delivery/connectors/http_outcome.h"

namespace datasync::delivery {

Result<PathTemplate> PathTemplate::parse(std::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!text.starts_with('/') || !printable) {
    return fail(ErrorCode::kInvalid, "path: must begin with / and hold only printable ASCII characters");
  }
  PathTemplate made;
  while (!text.empty()) {
    const auto open = std::min(text.find('{'), text.size());
    if (open > 0) made.parts_.push_back({Kind::kText, std::string(text.substr(0, open))});
    text.remove_prefix(open);
    if (text.empty()) break;
    const auto close = text.find('}');
    if (close == std::string_view::npos) return fail(ErrorCode::kInvalid, "path: has a { without its }");
    const std::string_view name = text.substr(1, close - 1);
    if (name == "entity") {
      made.parts_.push_back({Kind::kEntity, {}});
    } else if (name == "verb") {
      made.parts_.push_back({Kind::kVerb, {}});
    } else if (name == "id") {
      made.parts_.push_back({Kind::kId, {}});
    } else if (name == "tenant") {
      made.parts_.push_back({Kind::kTenant, {}});
    } else {
      return fail(ErrorCode::kInvalid, "path: knows {entity}, {verb}, {id} and {tenant}, nothing else in braces");
    }
    text.remove_prefix(close + 1);
  }
  return made;
}

PathTemplate PathTemplate::bound_to(std::string_view entity, std::string_view verb) const {
  PathTemplate bound;
  for (const Part& part : parts_) {
    Part next = part;
    if (part.kind == Kind::kEntity) next = {Kind::kText, net::percent_encode(entity)};
    if (part.kind == Kind::kVerb) next = {Kind::kText, net::percent_encode(verb)};
    const bool joins = next.kind == Kind::kText && !bound.parts_.empty() && bound.parts_.back().kind == Kind::kText;
    if (joins) {
      bound.parts_.back().text += next.text;
    } else {
      bound.parts_.push_back(std::move(next));
    }
  }
  return bound;
}

bool PathTemplate::names_the_change() const noexcept {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.kind == Kind::kId || part.kind == Kind::kTenant; });
}

bool PathTemplate::names_the_id() const noexcept {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.kind == Kind::kId; });
}

Result<std::string> PathTemplate::fill(std::string_view entity, std::string_view verb, const Change& change) const {
  if (parts_.size() == 1 && parts_.front().kind == Kind::kText) return parts_.front().text;
  std::string path;
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Kind::kText:
        path += part.text;
        break;
      case Kind::kEntity:
        path += net::percent_encode(entity);
        break;
      case Kind::kVerb:
        path += net::percent_encode(verb);
        break;
      case Kind::kTenant:
        path += net::percent_encode(change.tenant.str());
        break;
      case Kind::kId: {
        const std::string_view own = own_id_of(change);
        const std::string_view id = own.empty() ? std::string_view(change.entity_id.str()) : own;
        // An id of dots would climb out of its segment: RFC 3986 removes dot segments, encoded or not.
        if (id.empty() || id == "." || id == "..")
          return fail(ErrorCode::kInvalid, "the record has no id to put into the path");
        path += net::percent_encode(id);
        break;
      }
    }
  }
  return path;
}

}  // namespace datasync::delivery
