// Tensors as streams in memory: order, sizes and places of blocks, without the bytes.
#pragma once

#include <map>
#include <memory>

#include "models/codec/codec.h"
#include "models/codec/stream_directory.h"
#include "platform/network_widths.h"
#include "workloads/network.h"

namespace dpred {

/// A tensor in the role of its first reader, as far as no codec has a part in it.
class UncodedStream {
 public:
  /// `widths` knows the tensor's values; both must outlive it.
  UncodedStream(NetworkWidths& widths, const Tensor& tensor, StreamRole role, const StreamOptions& options);
  UncodedStream(const UncodedStream&) = delete;  // the directory refers to what is beside it
  UncodedStream& operator=(const UncodedStream&) = delete;

  const Tensor& tensor() const { return tensor_; }
  const TensorProfile& profile() const { return profile_; }
  const StreamLayout& layout() const { return layout_; }
  const StreamPlan& plan() const { return plan_; }
  const StreamDirectory& directory() const { return directory_; }
  /// Of the codec groups, each form of sign found once.
  const WidthMap& widths(SignForm sign) const;
  /// The plan of its stream with a codec.
  StreamPlan plan_with(const Codec& codec, const CodecOptions& options) const;

 private:
  NetworkWidths& known_;
  const Tensor& tensor_;
  TensorProfile profile_;
  StreamLayout layout_;
  StreamPlan plan_;
  StreamDirectory directory_;
  mutable std::map<SignForm, WidthMap> widths_;
};

/// The same with the codec of a design point: found once, used by every layer that reads it.
struct TensorStream {
  std::shared_ptr<const UncodedStream> uncoded;
  const Tensor* tensor = nullptr;
  const TensorProfile& profile;
  const StreamLayout& layout;
  StreamPlan coded;
  const StreamPlan& raw;  ///< uncompressed: for the raw_* columns
  GroupSizes groups;      ///< of the coded stream
  /// Blocks in block order.
  StreamDirectory coded_directory;
  const StreamDirectory& raw_directory;

  TensorStream(std::shared_ptr<const UncodedStream> uncoded, const Codec& codec, const CodecOptions& options);
  TensorStream(const TensorStream&) = delete;
  TensorStream& operator=(const TensorStream&) = delete;
};

}  // namespace dpred
