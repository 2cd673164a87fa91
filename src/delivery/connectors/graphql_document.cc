#include "delivery/connectors/graphql_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace datasync::delivery {
namespace {

constexpr std::size_t kDocumentBytesMax = 64 * 1024;
constexpr int kNestingMax = 64;

enum class TokenKind : std::uint8_t { kPunctuator, kName, kNumber, kString, kEnd, kBad };
struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
};

bool is_name_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// The tokens of a document one by one; commas, white space and comments are between them.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text), rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }

  Token next() {
    skip_ignored();
    if (rest_.empty()) return {};
    const char c = rest_.front();
    if (is_name_start(c))
      return take(TokenKind::kName, length_of([](char x) { return is_name_start(x) || is_digit(x); }));
    if (is_digit(c) || c == '-') {
      return take(TokenKind::kNumber, length_of([](char x) {
                    return is_digit(x) || x == '-' || x == '+' || x == '.' || x == 'e' || x == 'E';
                  }));
    }
    if (c == '"') return take_string();
    if (rest_.starts_with("...")) return take(TokenKind::kPunctuator, 3);
    if (std::string_view("!$&():=@[]{}|").find(c) != std::string_view::npos) return take(TokenKind::kPunctuator, 1);
    return {TokenKind::kBad, rest_.substr(0, 1)};
  }

  /// Of a token that stands in the text, from 1.
  [[nodiscard]] auto line_of(const Token& token) const {
    const auto end = token.text.data() == nullptr ? text_.end() : text_.begin() + (token.text.data() - text_.data());
    return 1 + std::count(text_.begin(), end, '\n');
  }

 private:
  void skip_ignored() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '#') {
        rest_.remove_prefix(std::min(rest_.find_first_of("\r\n"), rest_.size()));
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }

  template <typename Belongs>
  std::size_t length_of(Belongs belongs) const {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), belongs);
    return static_cast<std::size_t>(end - rest_.begin());
  }

  Token take(TokenKind kind, std::size_t length) {
    const Token token{kind, rest_.substr(0, length)};
    rest_.remove_prefix(length);
    return token;
  }

  Token take_string() {
    if (rest_.starts_with("\"\"\"")) {
      for (std::size_t i = 3; i + 3 <= rest_.size(); ++i) {
        if (rest_.substr(i).starts_with("\\\"\"\"")) {
          i += 3;
        } else if (rest_.substr(i).starts_with("\"\"\"")) {
          return take(TokenKind::kString, i + 3);
        }
      }
      return {TokenKind::kBad, rest_.substr(0, 3)};
    }
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\n' || rest_[i] == '\r') break;
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == '"') {
        return take(TokenKind::kString, i + 1);
      }
    }
    return {TokenKind::kBad, rest_.substr(0, 1)};
  }

  std::string_view text_;
  std::string_view rest_;
};

/// Puts tokens together with no more space between them than they need.
class Writer {
 public:
  void append(const Token& token) {
    const bool spread = token.text == "...";
    if (needs_space_ && (token.kind != TokenKind::kPunctuator || spread)) pieces_.back() += ' ';
    pieces_.back() += token.text;
    needs_space_ = token.kind != TokenKind::kPunctuator;
  }
  void append_variable(std::string_view name) {
    if (needs_space_) pieces_.back() += ' ';
    pieces_.back() += '$';
    pieces_.back() += name;
    pieces_.emplace_back();
    needs_space_ = true;
  }
  std::vector<std::string> take() { return std::move(pieces_); }

 private:
  std::vector<std::string> pieces_{1};
  bool needs_space_ = false;
};

void append_pieces(std::string& out, const std::vector<std::string>& pieces, std::string_view suffix) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0) out += suffix;
    out += pieces[i];
  }
}

}  // namespace

/// Reads one document, one token ahead. A method returns false after it has noted what is wrong.
class GraphqlReader {
 public:
  explicit GraphqlReader(std::string_view text) : tokens_(text), token_(tokens_.next()) {}

  bool read() {
    return read_operation() && read_definitions() && expect("{") && read_root_field() && expect("}") && read_end();
  }

  GraphqlDocument document;
  std::string problem;

 private:
  /// Says the line, not what stands there: a key that holds something else than a document may hold a secret.
  bool refuse(std::string_view what) {
    problem = fmt::format("{} (line {})", what, tokens_.line_of(token_));
    return false;
  }

  bool is(std::string_view punctuator) const {
    return token_.kind == TokenKind::kPunctuator && token_.text == punctuator;
  }
  void advance() { token_ = tokens_.next(); }

  bool expect(std::string_view punctuator) {
    if (!is(punctuator)) return refuse(fmt::format("expects {}", punctuator));
    advance();
    return true;
  }

  bool read_name(std::string& name, std::string_view of) {
    if (token_.kind != TokenKind::kName) return refuse(fmt::format("expects the name of {}", of));
    name = token_.text;
    advance();
    return true;
  }

  bool read_operation() {
    std::string word;
    if (!read_name(word, "an operation (mutation or query)")) return false;
    if (word != "mutation" && word != "query") return refuse("must begin with mutation or query");
    document.operation_ = word == "query" ? GraphqlDocument::Operation::kQuery : GraphqlDocument::Operation::kMutation;
    return read_name(document.name_, "the operation");
  }

  bool read_definitions() {
    if (is("@")) return refuse("directives of the operation are not supported");
    if (!is("(")) return true;
    advance();
    Writer writer;
    while (!is(")")) {
      if (!read_definition(writer)) return false;
    }
    advance();
    document.definitions_ = writer.take();
    return is("@") ? refuse("directives of the operation are not supported") : true;
  }

  /// `$input: [UserInput!]! = {…}`; commas separate the definitions again, which is kinder to the reader of a log.
  bool read_definition(Writer& writer) {
    if (!expect("$")) return false;
    GraphqlDocument::Variable variable;
    if (!read_name(variable.name, "a variable")) return false;
    if (declares(variable.name)) return refuse("declares a variable twice");
    if (!document.variables_.empty()) writer.append({TokenKind::kPunctuator, ","});
    writer.append_variable(variable.name);
    if (!is(":")) return refuse("expects : and a type after a variable");
    int depth = 0;
    bool has_default = false;
    while (!(depth == 0 && (is("$") || is(")")))) {
      if (token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kBad) return refuse_token();
      if (is("$") || is("@")) return refuse("has $ or @ inside the definition of a variable");
      if (!note_bracket(depth)) return false;
      if (is("=")) has_default = true;
      if (!has_default) variable.required = is("!");
      writer.append(token_);
      advance();
    }
    variable.required = variable.required && !has_default;
    document.variables_.push_back(std::move(variable));
    return true;
  }

  bool read_root_field() {
    if (!read_name(document.response_key_, "the root field")) return false;
    document.field_ = document.response_key_;
    if (is(":")) {
      advance();
      if (!read_name(document.field_, "the root field")) return false;
    }
    Writer writer;
    writer.append({TokenKind::kName, document.field_});
    if (is("(") && !read_balanced(writer)) return false;
    while (is("@")) {
      writer.append(token_);
      advance();
      std::string directive;
      if (!read_name(directive, "a directive")) return false;
      writer.append({TokenKind::kName, directive});
      if (is("(") && !read_balanced(writer)) return false;
    }
    if (is("{") && !read_balanced(writer)) return false;
    document.field_text_ = writer.take();
    return is("}") ? true : refuse("must have one field at its root");
  }

  /// From an opening bracket to the one that closes it.
  bool read_balanced(Writer& writer) {
    int depth = 0;
    do {
      if (token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kBad) return refuse_token();
      if (!note_bracket(depth)) return false;
      if (is("$")) {
        advance();
        std::string name;
        if (!read_name(name, "a variable")) return false;
        if (!declares(name)) return refuse("uses a variable that it does not declare");
        writer.append_variable(name);
        continue;
      }
      writer.append(token_);
      advance();
    } while (depth > 0);
    return true;
  }

  bool note_bracket(int& depth) {
    if (is("(") || is("[") || is("{")) ++depth;
    if (is(")") || is("]") || is("}")) --depth;
    if (depth < 0) return refuse("has a closing bracket too many");
    return depth <= kNestingMax ? true : refuse("is nested too deeply");
  }

  bool read_end() {
    if (token_.kind == TokenKind::kEnd) return true;
    return refuse("must hold one operation and nothing else");
  }

  bool refuse_token() {
    return refuse(token_.kind == TokenKind::kEnd ? "ends too early" : "has a character that can't stand there");
  }

  bool declares(std::string_view name) const {
    return std::any_of(document.variables_.begin(), document.variables_.end(),
                       [name](const GraphqlDocument::Variable& variable) { return variable.name == name; });
  }

  Tokens tokens_;
  Token token_;
};

Result<GraphqlDocument> GraphqlDocument::parse(std::string_view text) {
  if (text.size() > kDocumentBytesMax) return fail(ErrorCode::kInvalid, "document: is over 64 KiB");
  GraphqlReader reader(text);
  if (!reader.read()) return fail(ErrorCode::kInvalid, "document: " + reader.problem);
  return std::move(reader.document);
}

std::string GraphqlDocument::text() const {
  std::string out = operation_ == Operation::kQuery ? "query " : "mutation ";
  out += name_;
  if (!variables_.empty()) {
    out += '(';
    append_definitions(out, {});
    out += ')';
  }
  out += '{';
  append_field(out, response_key_ == field_ ? std::string_view{} : std::string_view(response_key_), {});
  out += '}';
  return out;
}

void GraphqlDocument::append_definitions(std::string& out, std::string_view suffix) const {
  append_pieces(out, definitions_, suffix);
}

void GraphqlDocument::append_field(std::string& out, std::string_view alias, std::string_view suffix) const {
  if (!alias.empty()) {
    out += alias;
    out += ':';
  }
  append_pieces(out, field_text_, suffix);
}

}  // namespace datasync::delivery
