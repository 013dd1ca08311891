#error "a pure part of dpred includes SystemC: move the code into the block's SystemC module"
