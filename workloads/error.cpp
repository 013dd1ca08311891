#include "workloads/error.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace dpred {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_choice(std::string_view given, const std::vector<std::string>& choices) {
  constexpr std::size_t longest_compared = 256;  // a hostile key must not cost quadratic time
  if (given.size() > longest_compared) return {};
  std::size_t best = given.size() / 2 + 2;
  std::string nearest;
  for (const std::string& choice : choices) {
    const std::size_t distance = edit_distance(given, choice);
    if (distance < best) {
      best = distance;
      nearest = choice;
    }
  }
  return nearest;
}

std::string suggestion(std::string_view given, const std::vector<std::string>& choices) {
  const std::string nearest = nearest_choice(given, choices);
  return nearest.empty() ? std::string() : " (did you mean '" + nearest + "'?)";
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    const unsigned char next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // U+0080 to U+009F: controls too
      char escaped[12];
      std::snprintf(escaped, sizeof escaped, "\\u00%02x", next);
      out += escaped;
      ++i;
    } else if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
    }
  }
  return out;
}

}  // namespace dpred
