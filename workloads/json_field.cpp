#include "workloads/json_field.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "workloads/error.h"
#include "workloads/input_file.h"

namespace dpred {

using nlohmann::json;

namespace {

constexpr int deepest_nesting = 64;

/// Watches the parser: nlohmann's default keeps the last of two equal keys and has no limit of depth.
class Watch {
 public:
  explicit Watch(const std::string& file) : file_(file) {}

  bool operator()(int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= deepest_nesting) {
        throw InputError(fmt::format("{}: nested deeper than {} levels", file_, deepest_nesting));
      }
      if (event == Event::object_start) objects_.emplace_back();
    } else if (event == Event::object_end) {
      objects_.pop_back();
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!objects_.back().keys.insert(key).second) {
        std::string place;
        for (std::size_t i = 0; i + 1 < objects_.size(); ++i)
          place += clipped(objects_[i].last) + ": ";
        throw InputError(fmt::format("{}: {}key {} occurs twice", file_, place, quote(key)));
      }
      objects_.back().last = key;
    }
    return true;
  }

 private:
  struct Object {
    std::unordered_set<std::string> keys;
    std::string last;
  };

  const std::string& file_;
  std::vector<Object> objects_;
};

}  // namespace

json parse_json(const std::string& bytes, const std::string& file) {
  Watch watch(file);
  try {
    // By reference: the parser copies its callback.
    return json::parse(bytes, [&watch](int depth, json::parse_event_t event, json& value) {
      return watch(depth, event, value);
    });
  } catch (const json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: ...": the part after the bracket.
    const std::string_view what = e.what();
    const std::size_t bracket = what.find("] ");
    throw InputError(file + ": " +
                     clipped(bracket == std::string_view::npos ? what : what.substr(bracket + 2)));
  }
}

JsonField::JsonField(const json& document, const std::string& file) : JsonField(document, file, true) {}

JsonField::JsonField(const json& value, std::string place, bool is_document)
    : value_(&value), place_(std::move(place)), is_document_(is_document) {}

JsonField JsonField::at(const json& value, const std::string& key) const {
  return {value, place_ + (is_document_ ? ": " : ".") + clipped(key), false};
}

JsonField JsonField::member(const std::string& key) const {
  if (!value_->is_object()) wrong_type("an object");
  const auto found = value_->find(key);
  if (found == value_->end()) fail("missing key " + quote(key));
  return at(*found, key);
}

std::optional<JsonField> JsonField::optional_member(const std::string& key) const {
  if (!value_->is_object()) wrong_type("an object");
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return at(*found, key);
}

std::vector<std::string> JsonField::keys() const {
  if (!value_->is_object()) wrong_type("an object");
  std::vector<std::string> all;
  for (const auto& item : value_->items())
    all.push_back(item.key());
  return all;
}

std::size_t JsonField::size() const {
  if (!value_->is_array()) wrong_type("an array");
  return value_->size();
}

std::vector<JsonField> JsonField::elements() const {
  if (!value_->is_array()) wrong_type("an array");
  std::vector<JsonField> all;
  for (const json& element : *value_) {
    all.push_back({element, fmt::format("{}[{}]", place_, all.size()), false});
  }
  return all;
}

std::int64_t JsonField::integer(std::int64_t low, std::int64_t high) const {
  if (!value_->is_number_integer()) wrong_type("an integer");
  const bool too_large =
      value_->is_number_unsigned() &&
      value_->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  const std::int64_t value = too_large ? 0 : value_->get<std::int64_t>();
  if (too_large || value < low || value > high) {
    fail(fmt::format("must be within {} to {}, not {}", low, high, value_->dump()));
  }
  return value;
}

double JsonField::number() const {
  if (!value_->is_number()) wrong_type("a number");
  return value_->get<double>();
}

bool JsonField::truth() const {
  if (!value_->is_boolean()) wrong_type("true or false");
  return value_->get<bool>();
}

const std::string& JsonField::text() const {
  if (!value_->is_string()) wrong_type("a string");
  return value_->get_ref<const std::string&>();
}

std::size_t JsonField::choice(const std::vector<std::string>& choices) const {
  const std::string& given = text();
  const auto found = std::find(choices.begin(), choices.end(), given);
  if (found == choices.end()) {
    const std::string near = suggestion(given, choices);
    fail(quote(given) + " is unknown" +
         (near.empty() ? fmt::format("; one of {}", fmt::join(choices, ", ")) : near));
  }
  return static_cast<std::size_t>(found - choices.begin());
}

void JsonField::fail(const std::string& problem) const {
  throw InputError(place_ + ": " + problem);
}

void JsonField::wrong_type(std::string_view wanted) const {
  if (value_->is_number()) fail(fmt::format("must be {}, not {}", wanted, value_->dump()));
  fail(fmt::format("must be {}, not {}", wanted,
                   value_->is_null() ? "null" : "of type " + std::string(value_->type_name())));
}

}  // namespace dpred
