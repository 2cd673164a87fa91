#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace datasync::delivery {

/// One GraphQL operation with one field at its root, taken apart just far enough to put several into one request: each
/// field gets an alias, each variable a suffix. The text is rebuilt from its tokens, so comments and needless white
/// space are gone, and no `$` inside a string is mistaken for a variable. Source: GraphQL specification, October 2021,
/// sections 2.1 and 2.2. Threads: immutable, any.
class GraphqlDocument {
 public:
  enum class Operation : std::uint8_t { kQuery, kMutation };
  struct Variable {
    std::string name;
    bool required = false;  ///< non-null and without a default value
  };

  /// Errors: `kInvalid` for bad tokens, unbalanced brackets, an anonymous or second operation, a second root field,
  ///         fragment definitions and spreads at the root, directives of the operation, variables used but not
  ///         declared, and texts over 64 KiB.
  static Result<GraphqlDocument> parse(std::string_view text);

  [[nodiscard]] Operation operation() const noexcept { return operation_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<Variable>& variables() const noexcept { return variables_; }
  [[nodiscard]] const std::string& field() const noexcept { return field_; }
  /// The name of the field in the answer: its alias if it has one.
  [[nodiscard]] const std::string& response_key() const noexcept { return response_key_; }

  /// The operation as it stands.
  [[nodiscard]] std::string text() const;
  /// `$input_3:UserCreateInput!,$id_3:ID` with the suffix `_3`.
  void append_definitions(std::string& out, std::string_view suffix) const;
  /// `c3:customerCreate(input:$input_3){…}` with the alias `c3`.
  void append_field(std::string& out, std::string_view alias, std::string_view suffix) const;

 private:
  friend class GraphqlReader;
  /// Text with a slot for the suffix between each two pieces, behind the names of variables.
  using Pieces = std::vector<std::string>;

  Operation operation_ = Operation::kMutation;
  std::string name_;
  std::string field_;
  std::string response_key_;
  std::vector<Variable> variables_;
  Pieces definitions_;
  Pieces field_text_;  // without the alias
};

}  // namespace datasync::delivery
