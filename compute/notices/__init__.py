"""What people hear of outside the page that they look at: the bell, mails, webhooks."""
