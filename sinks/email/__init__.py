"""E-mail: notices become mails, one for each notice."""
