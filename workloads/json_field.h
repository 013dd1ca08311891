// JSON files: parsing within limits, and values that know their place, so that an error names file and key.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dpred {

/// Parses the bytes of a JSON file; `file` is its name in messages. InputError with line and column where it
/// is no JSON, and for a key that occurs twice in an object or nesting deeper than 64 levels.
nlohmann::json parse_json(const std::string& bytes, const std::string& file);

/// A value of a JSON file and its place in it, such as "/set/manifest.json: layers[3].weight". Refers to the
/// parsed document, which must outlive it. Every reading function raises InputError where the value is not
/// of the kind asked for.
class JsonField {
 public:
  /// The document itself; `file` is its name in messages.
  JsonField(const nlohmann::json& document, const std::string& file);

  /// The value of a key that must be there.
  JsonField member(const std::string& key) const;
  /// The value of a key, or nothing where it is missing or null.
  std::optional<JsonField> optional_member(const std::string& key) const;
  /// Keys of an object, sorted.
  std::vector<std::string> keys() const;
  /// Number of elements of an array.
  std::size_t size() const;
  /// Elements of an array.
  std::vector<JsonField> elements() const;

  bool is_null() const { return value_->is_null(); }
  bool is_string() const { return value_->is_string(); }
  bool is_array() const { return value_->is_array(); }

  /// An integer written without point or exponent, within [low, high].
  std::int64_t integer(std::int64_t low, std::int64_t high = std::numeric_limits<std::int64_t>::max()) const;
  double number() const;
  bool truth() const;
  const std::string& text() const;
  /// The position in `choices` of a text that must be one of them.
  std::size_t choice(const std::vector<std::string>& choices) const;

  /// Throws InputError "<place>: <problem>".
  [[noreturn]] void fail(const std::string& problem) const;

 private:
  JsonField(const nlohmann::json& value, std::string place, bool is_document);
  JsonField at(const nlohmann::json& value, const std::string& key) const;
  [[noreturn]] void wrong_type(std::string_view wanted) const;

  const nlohmann::json* value_;
  std::string place_;
  bool is_document_;
};

}  // namespace dpred
