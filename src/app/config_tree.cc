#include "app/config_tree.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "domain/json.h"

namespace datasync::app {
namespace {

constexpr int kNodesMax = 100'000;
constexpr int kDepthMax = 64;
constexpr std::size_t kTextBytesMax = 16 << 20;  // an alias stands for all of what it names, however long that is

using File = std::shared_ptr<const std::string>;

std::string place_of(const File& file, int line) {
  return *file + ":" + std::to_string(line);
}

/// Copies yaml-cpp's graph into a tree. Its exceptions and types end here.
class Importer {
 public:
  explicit Importer(File file) : file_(std::move(file)) {}

  Result<ConfigNode> import(const YAML::Node& from, int depth) {
    ConfigNode node;
    node.file = file_;
    node.line = from.Mark().line + 1;
    if (from.IsScalar()) text_bytes_ += from.Scalar().size();
    if (++count_ > kNodesMax || depth > kDepthMax || text_bytes_ > kTextBytesMax) {
      return fail(ErrorCode::kInvalid,
                  node.place() + ": too large: at most 100000 values and 16 MiB of text, nested at most 64 deep");
    }
    switch (from.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return node;
      case YAML::NodeType::Scalar:
        return import_scalar(from, std::move(node));
      case YAML::NodeType::Sequence:
        return import_list(from, std::move(node), depth);
      case YAML::NodeType::Map:
        return import_map(from, std::move(node), depth);
    }
    return node;
  }

 private:
  static ConfigNode import_scalar(const YAML::Node& from, ConfigNode node) {
    node.kind = ConfigNode::Kind::kScalar;
    node.text = from.Scalar();
    node.quoted = from.Tag() == "!";
    return node;
  }

  Result<ConfigNode> import_list(const YAML::Node& from, ConfigNode node, int depth) {
    node.kind = ConfigNode::Kind::kList;
    for (const YAML::Node& item : from) {
      auto child = import(item, depth + 1);
      if (!child) return child;
      node.items.push_back(*std::move(child));
    }
    return node;
  }

  Result<ConfigNode> import_map(const YAML::Node& from, ConfigNode node, int depth) {
    node.kind = ConfigNode::Kind::kMap;
    for (const auto& member : from) {
      const int line = member.first.Mark().line + 1;
      if (!member.first.IsScalar())
        return fail(ErrorCode::kInvalid, place_of(file_, line) + ": a key must be a plain word");
      const std::string& name = member.first.Scalar();
      text_bytes_ += name.size();
      if (node.find(name) != nullptr)
        return fail(ErrorCode::kInvalid, place_of(file_, line) + ": `" + name + "` stands twice");
      auto child = import(member.second, depth + 1);
      if (!child) return child;
      child->line = line;  // the key's: a block below it begins on a later line
      node.members.emplace_back(name, *std::move(child));
    }
    return node;
  }

  File file_;
  int count_ = 0;
  std::size_t text_bytes_ = 0;
};

bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  return digits && text.front() >= '0' && text.front() <= '9' && parse_json(text).has_value();
}

void append_json(const ConfigNode& node, std::string& out) {
  switch (node.kind) {
    case ConfigNode::Kind::kNull:
      out += "null";
      break;
    case ConfigNode::Kind::kScalar:
      if (!node.quoted && (node.text == "true" || node.text == "false" || is_json_number(node.text))) {
        out += node.text;
      } else {
        append_json_string(out, node.text);
      }
      break;
    case ConfigNode::Kind::kList:
      out += '[';
      for (const ConfigNode& item : node.items) {
        if (&item != &node.items.front()) out += ',';
        append_json(item, out);
      }
      out += ']';
      break;
    case ConfigNode::Kind::kMap:
      out += '{';
      for (const auto& [name, member] : node.members) {
        if (out.back() != '{') out += ',';
        append_json_string(out, name);
        out += ':';
        append_json(member, out);
      }
      out += '}';
      break;
  }
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view name) const noexcept {
  const auto at =
      std::find_if(members.begin(), members.end(), [name](const auto& member) { return member.first == name; });
  return at == members.end() ? nullptr : &at->second;
}

ConfigNode* ConfigNode::find(std::string_view name) noexcept {
  return const_cast<ConfigNode*>(std::as_const(*this).find(name));
}

std::string ConfigNode::place() const {
  return file == nullptr ? "configuration" : place_of(file, line);
}

Result<ConfigNode> parse_yaml(std::string_view text, std::string file) {
  const auto name = std::make_shared<const std::string>(std::move(file));
  try {
    return Importer(name).import(YAML::Load(std::string(text)), 0);
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::kInvalid, place_of(name, error.mark.line + 1) + ": " + error.msg);
  }
}

void merge(ConfigNode& base, const ConfigNode& over) {
  if (base.kind != ConfigNode::Kind::kMap || over.kind != ConfigNode::Kind::kMap) {
    base = over;
    return;
  }
  for (const auto& [name, member] : over.members) {
    ConfigNode* known = base.find(name);
    if (member.kind == ConfigNode::Kind::kNull) {
      std::erase_if(base.members, [&name = name](const auto& entry) { return entry.first == name; });
    } else if (known == nullptr) {
      base.members.emplace_back(name, member);
    } else {
      merge(*known, member);
    }
  }
}

ConfigNode from_json_value(const Value& value) {
  ConfigNode node;
  switch (value.kind()) {
    case Value::Kind::kNull:
      break;
    case Value::Kind::kBool:
    case Value::Kind::kNumber:
      node.kind = ConfigNode::Kind::kScalar;
      node.text = value.text();
      break;
    case Value::Kind::kString:
      node.kind = ConfigNode::Kind::kScalar;
      node.text = *value.as_string();
      node.quoted = true;
      break;
    case Value::Kind::kArray:
      node.kind = ConfigNode::Kind::kList;
      for (const Value& item : elements_of(value)) node.items.push_back(from_json_value(item));
      break;
    case Value::Kind::kObject:
      node.kind = ConfigNode::Kind::kMap;
      for (const Field& member : members_of(value))
        node.members.emplace_back(member.name, from_json_value(member.value));
      break;
  }
  return node;
}

Result<Value> to_json_value(const ConfigNode& node) {
  std::string text;
  append_json(node, text);
  auto value = parse_json(text);
  if (!value) return fail(ErrorCode::kInvalid, value.error().message);
  return value;
}

}  // namespace datasync::app
