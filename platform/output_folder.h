// A folder of results that appears whole or not at all.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dpred {

/// Checks on construction that the folder can be made and written, before long work begins. InputError names
/// the folder otherwise. An existing folder is used; files of the same names are replaced.
class OutputFolder {
 public:
  explicit OutputFolder(const std::filesystem::path& folder);
  /// Removes the folders that it made, if nothing was committed.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Writes all files beside their places and renames them once all are safely there. Returns an empty text,
  /// or one line on what went wrong (disk full, no permission): what was there before is there still. Not an
  /// exception, because after a simulation AddressSanitizer takes the unwinding of a stack for an error.
  std::string commit(const std::map<std::string, std::string>& contents_by_name);

 private:
  void make();
  void remove_made();

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> made_;  ///< outermost first
  bool committed_ = false;
};

}  // namespace dpred
