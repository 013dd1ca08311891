#include "platform/accelerator.h"

namespace dpred {

Accelerator::Accelerator(const sc_core::sc_module_name& name, const AcceleratorConfig& config)
    : sc_module(name),
      activation_buffer_("activation_buffer", config.buffers.activation),
      weight_buffer_("weight_buffer", config.buffers.weight),
      output_buffer_("output_buffer", config.buffers.output),
      engine_("engine", config.engine),
      array_("array", *config.design, config.geometry, config.sequencer.banks.activation,
             config.sequencer.banks.weight),
      sequencer_("sequencer", config.sequencer) {
  engine_.mem.bind(mem);
  engine_.activation_buffer.bind(activation_buffer_.write_port);
  engine_.weight_buffer.bind(weight_buffer_.write_port);
  engine_.output_buffer.bind(output_buffer_.read_port);
  array_.activation_buffer.bind(activation_buffer_.read_port);
  array_.weight_buffer.bind(weight_buffer_.read_port);
  array_.output_buffer.bind(output_buffer_.write_port);
  sequencer_.engine(engine_);
  sequencer_.array(array_);
}

}  // namespace dpred
