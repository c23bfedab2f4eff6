"""What a Job or CronJob will do: its Pods, retries, limits, end, cleaning up and next runs."""
