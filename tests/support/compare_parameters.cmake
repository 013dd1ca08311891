# Fails unless PAGE is what `COMMAND params --markdown` prints.
execute_process(COMMAND ${COMMAND} params --markdown OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
file(READ ${PAGE} page)
if(NOT page STREQUAL printed)
  message(FATAL_ERROR "${PAGE} is not up to date: dpred params --markdown > docs/parameters.md")
endif()
