"""What the API server says of a Job or CronJob: the same verdict, field and words, without a server."""
