"""Write the files of what people read: `make golden`."""

from tests.slack.views import (
    test_chart_views,
    test_checkpoint_views,
    test_cluster_views,
    test_cost_views,
    test_explanation_views,
    test_managed_job_views,
    test_report_views,
    test_run_thread,
)

MODULES = (
    test_report_views,
    test_cluster_views,
    test_managed_job_views,
    test_checkpoint_views,
    test_chart_views,
    test_cost_views,
    test_explanation_views,
    test_run_thread,
)

if __name__ == "__main__":
    for module in MODULES:
        module.write_all()
