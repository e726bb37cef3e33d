"""The workflows of the demonstration, a module for each part of the company."""

from resolvers.demo.flows import finance, knowledge, oncall, playground, support, warehouse

FLOWS = (
    *support.FLOWS,
    *finance.FLOWS,
    *knowledge.FLOWS,
    *oncall.FLOWS,
    *warehouse.FLOWS,
    *playground.FLOWS,
)
