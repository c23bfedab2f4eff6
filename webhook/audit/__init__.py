"""The command `audit`: what the policy would say of the Jobs and CronJobs that live in a cluster."""
