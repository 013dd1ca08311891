#include "platform/tensor_stream.h"

#include <utility>

namespace dpred {

UncodedStream::UncodedStream(NetworkWidths& widths, const Tensor& tensor, StreamRole role,
                             const StreamOptions& options)
    : known_(widths),
      tensor_(tensor),
      profile_(widths.profile(tensor)),
      layout_(role, tensor.shape, options),
      plan_(find_codec("raw").plan({layout_, profile_.format, {}, {}})),
      directory_(layout_, plan_) {}

const WidthMap& UncodedStream::widths(SignForm sign) const {
  auto found = widths_.find(sign);
  if (found == widths_.end()) found = widths_.emplace(sign, known_.groups(tensor_, layout_, sign)).first;
  return found->second;
}

StreamPlan UncodedStream::plan_with(const Codec& codec, const CodecOptions& options) const {
  // Sizes of what is raw depend on no width.
  if (codec.name() == "raw") return plan_;
  return codec.plan(
      {layout_, profile_.format, widths(codec.sign_form(options)), options, known_.values(tensor_)});
}

TensorStream::TensorStream(std::shared_ptr<const UncodedStream> stream, const Codec& codec,
                           const CodecOptions& options)
    : uncoded(std::move(stream)),
      tensor(&uncoded->tensor()),
      profile(uncoded->profile()),
      layout(uncoded->layout()),
      coded(uncoded->plan_with(codec, options)),
      raw(uncoded->plan()),
      groups(coded.has_table() && codec.plans_from_widths()
                 ? GroupSizes{&codec, &uncoded->widths(codec.sign_form(options))}
                 : GroupSizes{}),
      coded_directory(layout, coded, {}, groups),
      raw_directory(uncoded->directory()) {}

}  // namespace dpred
