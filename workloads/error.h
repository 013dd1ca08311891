// Errors that a user can cause, apart from defects in the program.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dpred {

/// Bad usage or bad input: an unknown key, a truncated file, a value out of range. The message is one line
/// and names what to mend (file, line, key). A command prints it and exits with status 2.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The choice nearest to `given` by edit distance, or an empty string where none is near enough to suggest.
std::string nearest_choice(std::string_view given, const std::vector<std::string>& choices);

/// ` (did you mean 'x'?)` for the nearest choice, or an empty string. For the end of an error message.
std::string suggestion(std::string_view given, const std::vector<std::string>& choices);

/// `text` with control characters escaped, so that a name from a file cannot break a one-line message.
std::string printable(std::string_view text);

}  // namespace dpred
