"""Write anew what people read: `make golden`."""

from tests.slack import test_board, test_guards, test_managed, test_models, test_plotted, test_spend, test_views

if __name__ == "__main__":
    for module in (test_board, test_guards, test_managed, test_models, test_plotted, test_spend, test_views):
        module.write_all()
