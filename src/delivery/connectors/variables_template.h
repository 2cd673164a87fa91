#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "delivery/connector.h"
#include "domain/value.h"

namespace datasync::delivery {

/// The variables of a GraphQL operation as a template over a change. The language is described at
/// `GraphqlStep::variables`. Threads: immutable, any.
class VariablesTemplate {
 public:
  struct Node;

  VariablesTemplate();
  VariablesTemplate(VariablesTemplate&&) noexcept;
  VariablesTemplate& operator=(VariablesTemplate&&) noexcept;
  ~VariablesTemplate();

  /// Errors: `kInvalid` with the place of what is no template.
  static Result<VariablesTemplate> parse(const Value& text);

  /// The names of the variables that it may give.
  [[nodiscard]] std::vector<std::string> names() const;

  /// Each variable that has a value, as canonical JSON.
  /// Errors: `kInvalid` where a needed reference has no value, or a value is of a kind that its template can't turn.
  [[nodiscard]] Result<Fields> fill(const Change& change) const;

 private:
  std::vector<std::pair<std::string, Node>> members_;
};

}  // namespace datasync::delivery
